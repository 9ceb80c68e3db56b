/**
 * `npm run test:kcl`: the AWS KCL for Java, unmodified, against a real server of ours and a DynamoDB that it takes for the real one (moto):
 * alone, by polling and by fan-out, and as one half of an application whose other half is a worker of ours. Needs Java 17, Maven and
 * Python 3 with venv; says in one line what is missing. A version in the arguments runs that one alone.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled, root } from '../../../scripts/setup.mjs'

/** And how our store is told of them (docs/guide/lease-stores.md). */
const KCLS = [
  { version: '2.7.2', kcl: '2.x' },
  { version: '3.4.0', kcl: '3.x' },
]
const MOTO = 'moto[dynamodb,server]==5.2.5'
const MOTO_READY_MS = 60_000
const here = dirname(fileURLToPath(import.meta.url))
const cache = join(root, '.cache', 'kcl')

const missing = [
  ['java', '-version'],
  ['mvn', '-version'],
  ['python3', '--version'],
].find(([name, option]) => spawnSync(name, [option]).status !== 0)
if (missing !== undefined) {
  console.log(
    `skipped  the AWS KCL: test:kcl needs Java 17 or newer, Maven, and Python 3 with venv, and no ${missing[0]} was found.`,
  )
  process.exit(0)
}

function must(command, args) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw new Error(`${command}: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
}

/** The class path of our consumer on this KCL. */
function build(version) {
  const folder = join(cache, version)
  console.log(`Building a consumer with amazon-kinesis-client ${version} …`)
  const options = [
    `-Dkcl.version=${version}`,
    `-Dbuild.folder=${folder}`,
    `-Dmdep.outputFile=${join(folder, 'classpath')}`,
  ]
  must('mvn', ['-q', '-B', '-f', join(here, 'pom.xml'), ...options, 'compile', 'dependency:build-classpath'])
  return [join(folder, 'classes'), readFileSync(join(folder, 'classpath'), 'utf8').trim()].join(delimiter)
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** A DynamoDB of its own. dynalite will not do: it makes no index for a table that is there already, as a KCL 3 wants. */
async function startTables() {
  const environment = join(cache, 'python')
  if (!existsSync(join(environment, 'bin', 'moto_server'))) {
    console.log(`Installing ${MOTO} …`)
    must('python3', ['-m', 'venv', environment])
    must(join(environment, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', MOTO])
  }
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const child = spawn(join(environment, 'bin', 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  })
  for (const endMs = performance.now() + MOTO_READY_MS; ; await sleep(100)) {
    const isReady = await fetch(endpoint).then(
      () => true,
      () => false,
    )
    if (isReady) break
    if (child.exitCode !== null) throw new Error(`moto_server ended with ${child.exitCode}`)
    if (performance.now() > endMs) throw new Error(`moto_server was not ready in ${MOTO_READY_MS / 1_000} s`)
  }
  const stop = async () => {
    child.kill()
    await once(child, 'exit')
  }
  return { endpoint, stop }
}

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'
await ensureInstalled()
await ensureBuilt()
const wanted = process.argv.slice(2)
const kcls = KCLS.filter(({ version }) => wanted.length === 0 || wanted.includes(version))
const built = kcls.map((kcl) => ({ ...kcl, classPath: build(kcl.version) }))
const { startServer } = await import('../../../packages/server/dist/index.js')
const { halfAndHalf, kclAlone } = await import('./scenarios.mjs')
const server = await startServer({ port: 0, dataDir: ':memory:' })
const tables = await startTables()
let failures = 0
for (const { version, kcl, classPath } of built) {
  for (const [what, scenario] of [
    ['alone', kclAlone],
    ['beside a worker of ours', halfAndHalf],
  ]) {
    const context = { classPath, kinesis: server.endpoint, tables: tables.endpoint, name: version, kcl }
    try {
      console.log(`ok  KCL ${version}, ${what}: ${await scenario(context)}`)
    } catch (error) {
      failures++
      console.log(`FAILED  KCL ${version}, ${what}: ${error.stack}`)
    }
  }
}
await tables.stop()
await server.close()
process.exit(failures === 0 ? 0 : 1)
