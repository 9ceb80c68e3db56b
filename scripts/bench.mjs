/** `npm run bench`: ours against the ceilings, in one run; writes bench/RESULTS.md. Arguments: see bench/run.ts. */
import { checkNode, ensureBuilt, ensureInstalled, root, run } from './setup.mjs'

checkNode()
await ensureInstalled()
await ensureBuilt()
process.exit(
  await run(process.execPath, [
    '--import',
    'tsx',
    '--conditions',
    'source',
    `${root}/bench/run.ts`,
    ...process.argv.slice(2),
  ]),
)
