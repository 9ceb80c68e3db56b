/** `npm start`: install if needed, build if needed, serve. Arguments after `--` go to `millrace start`. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, ensureBuilt, ensureInstalled, root } from './setup.mjs'

checkNode()
try {
  await ensureInstalled()
  await ensureBuilt()
} catch (error) {
  console.error(String(error?.message ?? error))
  process.exit(1)
}
process.argv.splice(2, 0, 'start')
await import(pathToFileURL(join(root, 'packages', 'cli', 'dist', 'main.js')).href)
