/**
 * `npm run test:interop`: the official JavaScript and Python SDKs and the AWS CLI against a real server, and the Go and Java SDKs where there is a Go and a JVM. Installs
 * boto3 and the CLI, at pinned versions, into a virtual environment of its own under .cache; says in one line what is missing, and fails without Go and Java both.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled, root } from '../../scripts/setup.mjs'

const BOTO3 = 'boto3==1.43.11'
const AWS_CLI = 'awscli==1.45.11'
const here = dirname(fileURLToPath(import.meta.url))
const environment = join(root, '.cache', 'interop')
const binary = (name) => join(environment, process.platform === 'win32' ? 'Scripts' : 'bin', name)

function must(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (result.error) throw new Error(`${command}: ${result.error.message}`)
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

function installClients() {
  if (existsSync(binary('aws'))) return
  const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0)
  if (python === undefined) {
    console.error('test:interop needs Python 3 with venv to install boto3 and the AWS CLI; no python3 was found.')
    process.exit(1)
  }
  console.log(`Installing ${BOTO3} and ${AWS_CLI} …`)
  must(python, ['-m', 'venv', environment])
  must(binary('pip'), ['install', '--quiet', '--disable-pip-version-check', BOTO3, AWS_CLI])
}

const GO_SDK = 'aws-sdk-go-v2'
const goClient = join(environment, 'go-client')

/** False: there is no Go here, and its client is left out. */
function lookForGo() {
  if (spawnSync('go', ['version']).status === 0) return true
  console.log(`skipped  ${GO_SDK}: test:interop needs Go 1.22 or newer for it, and no go was found.`)
  return false
}

function buildGoClient() {
  console.log(`Building a client with ${GO_SDK} (go.mod says which) …`)
  must('go', ['build', '-o', goClient, '.'], { cwd: join(here, 'go') })
}

const JAVA_SDK = 'aws-sdk-java-v2'
const javaClient = join(environment, 'java')

/** False: there is no JVM here, and its client is left out. */
function lookForJava() {
  const missing = ['java', 'mvn'].find((name) => spawnSync(name, ['-version']).status !== 0)
  if (missing === undefined) return true
  console.log(
    `skipped  ${JAVA_SDK}: test:interop needs Java 17 or newer and Maven for it, and no ${missing} was found.`,
  )
  return false
}

function buildJavaClient() {
  console.log(`Building a client with ${JAVA_SDK} (pom.xml says which) …`)
  const build = ['compile', 'dependency:build-classpath', `-Dmdep.outputFile=${join(javaClient, 'classpath')}`]
  must('mvn', ['-q', '-B', '-f', join(here, 'java', 'pom.xml'), `-Dbuild.folder=${javaClient}`, ...build])
}

/** An administrator, and a role that may read. */
const CREDENTIALS = `
accessKeys:
  - { accessKeyId: test, secretAccessKey: test, account: "111122223333", user: admin, policies: [everything] }
roles:
  - name: reader
    account: "111122223333"
    trust:
      Statement: { Effect: Allow, Principal: { AWS: "arn:aws:iam::111122223333:user/admin" }, Action: "sts:AssumeRole" }
    policies:
      - Statement: { Effect: Allow, Action: ["kinesis:Get*", "kinesis:List*"], Resource: "*" }
policies:
  everything:
    Version: "2012-10-17"
    Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
`

const hasGo = lookForGo()
const hasJava = lookForJava()
if (!hasGo && !hasJava) {
  console.error('test:interop fails: with neither Go nor Java, the SDKs that are compiled would not be tried at all.')
  process.exit(1)
}
await ensureInstalled()
await ensureBuilt()
installClients()
if (hasGo) buildGoClient()
if (hasJava) buildJavaClient()

const { startServer } = await import(new URL('../../packages/server/dist/index.js', import.meta.url).href)
const folder = mkdtempSync(join(tmpdir(), 'millrace-interop-'))
const server = await startServer({ port: 0, dataDir: join(folder, 'data') })
const credentials = join(folder, 'credentials.yaml')
writeFileSync(credentials, CREDENTIALS, { mode: 0o600 })
const guarded = await startServer({ port: 0, dataDir: ':memory:', auth: 'iam', credentials })
const env = {
  PATH: process.env.PATH,
  HOME: folder,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  // The Java SDK knows this name alone.
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_KINESIS: server.endpoint,
  AWS_PAGER: '',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

/** Runs one client in a process of its own while our server, in this one, goes on serving. */
async function client(name, command, args, variables = env) {
  const child = spawn(command, args, { env: variables, stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  console.log(`${code === 0 ? 'ok' : 'FAILED'}  ${name}`)
  return code === 0
}

const results = [
  await client('@aws-sdk/client-kinesis', process.execPath, [join(here, 'js_client.mjs')]),
  await client(BOTO3, binary('python'), [join(here, 'boto3_client.py')]),
  await client(AWS_CLI, 'bash', [join(here, 'aws-cli.sh'), binary('aws'), server.endpoint]),
  await client(`${AWS_CLI}, all operations`, binary('python'), [join(here, 'aws_cli_operations.py'), binary('aws')]),
  await client(`${BOTO3}, STS`, binary('python'), [join(here, 'sts_client.py')], {
    ...env,
    AWS_ENDPOINT_URL_KINESIS: guarded.endpoint,
    AWS_ENDPOINT_URL_STS: guarded.endpoint,
  }),
  ...(hasGo ? [await client(GO_SDK, goClient, [])] : []),
]
if (hasJava) {
  const classPath = [join(javaClient, 'classes'), readFileSync(join(javaClient, 'classpath'), 'utf8').trim()]
  results.push(await client(JAVA_SDK, 'java', ['-cp', classPath.join(delimiter), 'Client']))
}
await server.close()
await guarded.close()
rmSync(folder, { recursive: true, force: true })
console.log(`${results.filter(Boolean).length} passed, ${results.filter((ok) => !ok).length} failed`)
process.exit(results.every(Boolean) ? 0 : 1)
