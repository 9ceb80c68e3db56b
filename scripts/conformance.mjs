/**
 * `npm run conformance -- --endpoint http://localhost:4567`: the conformance suite against any service that speaks the
 * API, instead of servers of its own; prints what passed, file by file. Without an endpoint: against each engine. Names
 * of files choose among them: `npm run conformance -- --endpoint … get-records`.
 * Most tests expect a service without shard limits (of ours: `--shard-limits off`), those of the limits one with them, and
 * all share its account: on a fresh Millrace without limits two tests of limits and one of an account's setting fail.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkNode, ensureBuilt, ensureInstalled, runTool } from './setup.mjs'

const { values, positionals } = parseArgs({ options: { endpoint: { type: 'string' } }, allowPositionals: true })
const { endpoint } = values
if (endpoint !== undefined && !/^https?:\/\/[^/]+$/.test(endpoint)) {
  console.error(`--endpoint: expected http://host:port without a path, found '${endpoint}'`)
  process.exit(2)
}
checkNode()
await ensureInstalled()
await ensureBuilt()
const folder = mkdtempSync(join(tmpdir(), 'millrace-conformance-report-'))
const report = join(folder, 'report.json')
const files = positionals.map((name) => `tests/conformance/${name}`)
const args = ['run', '--project', 'conformance', '--reporter', 'dot', '--reporter', 'json', '--outputFile', report]
const code = await runTool('vitest/vitest.mjs', [...args, ...files], {
  env: { ...process.env, ...(endpoint === undefined ? {} : { MILLRACE_CONFORMANCE_ENDPOINT: endpoint }) },
})
const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
rmSync(folder, { recursive: true, force: true })

const counts = testResults.map(({ name, assertionResults }) => {
  const passed = assertionResults.filter(({ status }) => status === 'passed').length
  return { name: basename(name, '.test.ts'), passed, failed: assertionResults.length - passed }
})
console.log(`\nAgainst ${endpoint ?? 'each engine'}:`)
for (const { name, passed, failed } of counts.sort((a, b) => (a.name < b.name ? -1 : 1)))
  console.log(
    `${failed === 0 ? 'ok    ' : 'FAILED'}  ${String(passed).padStart(4)} passed  ${String(failed).padStart(3)} failed  ${name}`,
  )
process.exit(code)
