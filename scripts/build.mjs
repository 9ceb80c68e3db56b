/** `npm run build`: install if needed, build if needed. */
import { checkNode, ensureBuilt, ensureInstalled } from './setup.mjs'

checkNode()
await ensureInstalled()
await ensureBuilt()
