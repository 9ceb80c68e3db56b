/**
 * What users install: every package packed, installed from the tarballs into an empty folder, and used there with
 * nothing of the repository in reach.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const isWindows = process.platform === 'win32'

/** DESIGN.md: `npm i millrace` stays under 60 packages and 25 MB. */
const PACKAGES_MAX = 60
const BYTES_MAX = 25e6
const libraries = [
  '@millrace/std',
  '@millrace/protocol',
  '@millrace/log',
  '@millrace/client',
  '@millrace/consumer',
  '@millrace/server',
  'millrace',
]

let folder = ''
let app = ''

function npm(args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  return run('npm', args, { cwd, shell: isWindows, maxBuffer: 2 ** 24 })
}

function node(args: readonly string[], input = ''): Promise<{ stdout: string; stderr: string }> {
  const work = run(process.execPath, args, { cwd: app })
  work.child.stdin?.end(input)
  return work
}

const millrace = (...args: readonly string[]): readonly string[] => [
  join(app, 'node_modules', 'millrace', 'dist', 'main.js'),
  ...args,
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-packed-'))
  app = join(folder, 'app')
  await mkdir(app)
  await run(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root })
  const workspaces = libraries.flatMap((name) => ['-w', name])
  await npm(['pack', '--pack-destination', folder, '--loglevel=error', ...workspaces], root)
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz')).map((name) => join(folder, name))
  expect(tarballs).toHaveLength(libraries.length)
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }')
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs], app)
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the packed packages', () => {
  it(`are fewer than ${PACKAGES_MAX} with all they need, and under ${BYTES_MAX / 1e6} MB`, async () => {
    const entries = await readdir(join(app, 'node_modules'), { recursive: true, withFileTypes: true })
    let bytes = 0
    for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
    const { stdout } = await npm(['ls', '--all', '--parseable'], app)
    const packages = new Set(stdout.trim().split('\n').slice(1)).size
    expect(packages).toBeGreaterThanOrEqual(libraries.length)
    expect(packages).toBeLessThan(PACKAGES_MAX)
    expect(bytes).toBeLessThan(BYTES_MAX)
  })

  it.each([...libraries, '@millrace/server/testing', 'millrace/testing'])('gives %s to import', async (name) => {
    const { stdout } = await node([
      '--input-type=module',
      '-e',
      `console.log(Object.keys(await import('${name}')).length > 0)`,
    ])
    expect(stdout).toBe('true\n')
  })

  it.each(libraries)('gives %s to require() where Node allows it', async (name) => {
    const { stdout } = await node([
      '--input-type=commonjs',
      '-e',
      `console.log(Object.keys(require('${name}')).length > 0)`,
    ])
    expect(stdout).toBe('true\n')
  })

  it('runs as npx millrace', async () => {
    const { stdout } = await run('npx', ['--no-install', 'millrace', '--version'], { cwd: app, shell: isWindows })
    expect(stdout).toBe('0.1.0\n')
  })

  it.each([
    ['postgres://localhost/app', 'pg'],
    ['redis://localhost', 'redis'],
    ['dynamodb://us-east-1/orders-app', '@aws-sdk/client-dynamodb'],
  ])('says in one line what leases in %s need', async (store, name) => {
    const work = node(millrace('app', 'list', '--quiet', '--store', store))
    const stderr = `millrace: leases there need a package that is not installed beside millrace: npm install ${name}\n`
    await expect(work).rejects.toMatchObject({ code: 2, stderr })
  })

  it('serves, takes records and gives them back, and stops cleanly', async () => {
    const server = spawn(
      process.execPath,
      millrace('start', '--port', '0', '--data-dir', 'data', '--create-streams', 'orders:2'),
      {
        cwd: app,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    try {
      let log = ''
      for await (const chunk of server.stdout) {
        log += String(chunk)
        if (log.includes('"serving"')) break
      }
      const { endpoint } = JSON.parse(log.split('\n').find((line) => line.includes('"serving"')) ?? '{}') as {
        endpoint: string
      }
      const target = ['--endpoint-url', endpoint]
      const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify({ id: i, user: `u${i % 7}` }))
      await node(millrace('put', 'orders', '--key-path', 'user', ...target), `${lines.join('\n')}\n`)
      const { stdout } = await node(millrace('get', 'orders', ...target))
      expect(stdout.trim().split('\n').sort()).toEqual([...lines].sort())
    } finally {
      const exited = once(server, 'exit')
      server.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      if (!isWindows) expect(code).toBe(0)
    }
    const { stderr } = await node(millrace('check', 'data'))
    expect(stderr).toContain('all is well')
  })
})
