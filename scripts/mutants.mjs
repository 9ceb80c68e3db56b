/** `npm run test:mutants`: takes out one safety mechanism at a time; each must turn a suite red. See tests/mutants. */
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
    `${root}/tests/mutants/run.ts`,
    ...process.argv.slice(2),
  ]),
)
