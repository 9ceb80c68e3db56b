/**
 * `npm run conformance -- --endpoint http://localhost:4567`: the conformance suite against any service that speaks the
 * API, instead of servers of its own; prints what passed, operation by operation. It asks the service what it is
 * (shard limits, accounts of its own), and says what does not apply to it and why. Without an endpoint: against each
 * engine. `--slow` adds what takes minutes. Names of files choose among them: `npm run conformance -- get-records`.
 */
import { parseArgs } from 'node:util'
import { checkNode, ensureBuilt, ensureInstalled, runTool } from './setup.mjs'

const { values, positionals } = parseArgs({
  options: { endpoint: { type: 'string' }, slow: { type: 'boolean' } },
  allowPositionals: true,
})
const { endpoint, slow } = values
if (endpoint !== undefined && !/^https?:\/\/[^/]+$/.test(endpoint)) {
  console.error(`--endpoint: expected http://host:port without a path, found '${endpoint}'`)
  process.exit(2)
}
checkNode()
await ensureInstalled()
await ensureBuilt()
const files = positionals.map((name) => `tests/conformance/${name}`)
const reporters = ['--reporter', 'dot', '--reporter', './scripts/conformance-counts.mjs']
const env = {
  ...process.env,
  ...(endpoint === undefined ? {} : { MILLRACE_CONFORMANCE_ENDPOINT: endpoint }),
  ...(slow === true ? { MILLRACE_CONFORMANCE_SLOW: '1' } : {}),
}
console.log(`Against ${endpoint ?? 'each engine'}`)
process.exit(await runTool('vitest/vitest.mjs', ['run', '--project', 'conformance', ...reporters, ...files], { env }))
