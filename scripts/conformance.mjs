/**
 * `npm run conformance -- --endpoint http://localhost:4567`: the conformance suite against any service that speaks the
 * API, instead of servers of its own; prints what passed, operation by operation. It asks the service what it is
 * (shard limits, accounts of its own), waits for what it takes its time for, deletes what it made, and says what does
 * not apply to it and why. `--help` tells the rest.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkNode, ensureBuilt, ensureInstalled, runTool } from './setup.mjs'

const HELP = `Usage: npm run conformance -- [OPTIONS] [FILE …]

Without an endpoint: against each engine. FILE chooses among the files of tests/conformance: get-records put.

  --endpoint URL       http://host:port or https://host:port of the service that is to be asked instead
  --credentials WHERE  sign every request, for a service that verifies signatures: of one principal that may do
                       everything. WHERE is
                         env   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if there is one, AWS_SESSION_TOKEN
                         FILE  as ~/.aws/credentials is; the profile is AWS_PROFILE, or default
                       What wants an account of its own is then left out, by name. Default: each file makes an
                       account up, by an access key of twelve digits, if the service takes that
  --region REGION      default: AWS_REGION with --credentials, else us-east-1
  --slow               what takes minutes, too
  --help
`

const { values, positionals } = options()
if (values.help === true) {
  console.log(HELP)
  process.exit(0)
}
const { endpoint, credentials, slow } = values
if (endpoint !== undefined && !/^https?:\/\/[^/]+$/.test(endpoint))
  refuse(`--endpoint: expected http://host:port without a path, found '${endpoint}'`)
for (const name of ['credentials', 'region'])
  if (values[name] !== undefined && endpoint === undefined) refuse(`--${name}: wants an --endpoint`)
const env = { ...process.env }
if (endpoint !== undefined) env.MILLRACE_CONFORMANCE_ENDPOINT = endpoint
if (slow === true) env.MILLRACE_CONFORMANCE_SLOW = '1'
const region = values.region ?? (credentials === undefined ? undefined : env.AWS_REGION)
if (region !== undefined) env.MILLRACE_CONFORMANCE_REGION = region
if (credentials !== undefined) useCredentials(credentials)

checkNode()
await ensureInstalled()
await ensureBuilt()
const files = positionals.map((name) => `tests/conformance/${name}`)
const reporters = ['--reporter', 'dot', '--reporter', './scripts/conformance-counts.mjs']
console.log(`Against ${endpoint ?? 'each engine'}`)
process.exit(await runTool('vitest/vitest.mjs', ['run', '--project', 'conformance', ...reporters, ...files], { env }))

function options() {
  try {
    return parseArgs({
      options: {
        endpoint: { type: 'string' },
        credentials: { type: 'string' },
        region: { type: 'string' },
        slow: { type: 'boolean' },
        help: { type: 'boolean' },
      },
      allowPositionals: true,
    })
  } catch (error) {
    return refuse(error.message)
  }
}

/** Has the SDK's own search find these credentials, and no others. */
function useCredentials(where) {
  env.MILLRACE_CONFORMANCE_SIGN = '1'
  if (where === 'env') {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
      if ((env[name] ?? '') === '') refuse(`--credentials env: ${name} is not set`)
    delete env.AWS_PROFILE
    return
  }
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) delete env[name]
  env.AWS_SHARED_CREDENTIALS_FILE = resolve(where)
}

function refuse(message) {
  console.error(`${message}\n\n${HELP}`)
  process.exit(2)
}
