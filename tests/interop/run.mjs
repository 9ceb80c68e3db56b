/**
 * `npm run test:interop`: the official Python SDK (boto3) and the AWS CLI against a real server, and the Go SDK where there is a Go. Installs the first two, at
 * pinned versions, into a virtual environment of its own under .cache; says in one line what is missing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
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
function buildGoClient() {
  if (spawnSync('go', ['version']).status !== 0) {
    console.log(`skipped  ${GO_SDK}: test:interop needs Go 1.22 or newer for it, and no go was found.`)
    return false
  }
  console.log(`Building a client with ${GO_SDK} (go.mod says which) …`)
  must('go', ['build', '-o', goClient, '.'], { cwd: join(here, 'go') })
  return true
}

await ensureInstalled()
await ensureBuilt()
installClients()
const hasGo = buildGoClient()

const { startServer } = await import(new URL('../../packages/server/dist/index.js', import.meta.url).href)
const folder = mkdtempSync(join(tmpdir(), 'millrace-interop-'))
const server = await startServer({ port: 0, dataDir: folder })
const env = {
  PATH: process.env.PATH,
  HOME: folder,
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_KINESIS: server.endpoint,
  AWS_PAGER: '',
}

/** Runs one client in a process of its own while our server, in this one, goes on serving. */
async function client(name, command, args) {
  const { spawn } = await import('node:child_process')
  const child = spawn(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  console.log(`${code === 0 ? 'ok' : 'FAILED'}  ${name}`)
  return code === 0
}

const results = [
  await client(BOTO3, binary('python'), [join(here, 'boto3_client.py')]),
  await client(AWS_CLI, 'bash', [join(here, 'aws-cli.sh'), binary('aws'), server.endpoint]),
  ...(hasGo ? [await client(GO_SDK, goClient, [])] : []),
]
await server.close()
rmSync(folder, { recursive: true, force: true })
console.log(`${results.filter(Boolean).length} passed, ${results.filter((ok) => !ok).length} failed`)
process.exit(results.every(Boolean) ? 0 : 1)
