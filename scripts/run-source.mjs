/**
 * Runs one of our TypeScript programs from source, with everything installed and built: `npm run bench` and
 * `npm run test:mutants`. Usage: node scripts/run-source.mjs FILE [ARGUMENTS]
 */
import { checkNode, ensureBuilt, ensureInstalled, root, run } from './setup.mjs'

const [file, ...args] = process.argv.slice(2)
checkNode()
await ensureInstalled()
await ensureBuilt()
process.exit(await run(process.execPath, ['--import', 'tsx', '--conditions', 'source', `${root}/${file}`, ...args]))
