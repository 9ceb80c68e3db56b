/**
 * `millrace backup` beside a real server under load: everything acknowledged before it began is restored, at its number,
 * whatever happened to the server since.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { decodeSequenceNumber } from '@millrace/protocol'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sdkClient } from '../conformance/support/sdk-client.ts'
import { finished, startLocalCommand } from './support/command.ts'
import { History } from './support/history.ts'
import { readAll, reshard, write } from './support/load.ts'
import { ServerProcess } from './support/server-process.ts'

const keys = Array.from({ length: 8 }, (_, i) => `key-${i}`)

let folder = ''
let server: ServerProcess | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-backup-'))
})
afterEach(async () => {
  await server?.kill()
  server = undefined
  await rm(folder, { recursive: true, force: true })
})

const millrace = (...args: readonly string[]) => finished(startLocalCommand(...args))

function commitOf(number = ''): number {
  const decoded = decodeSequenceNumber(number)
  return decoded?.version === 2 ? decoded.commit : -1
}

interface Taken {
  readonly commit: number
  readonly bytes: number
  readonly copiedBytes: number
}

async function backup(from: string, to: string, ...more: readonly string[]): Promise<Taken> {
  const { code, stdout, stderr } = await millrace('backup', to, from, '--json', ...more)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Taken
}

describe('a backup', () => {
  it('taken under load and resharding restores what was acknowledged before, and more only in order', async () => {
    const dataDir = join(folder, 'data')
    const saved = join(folder, 'saved')
    server = await ServerProcess.start(dataDir)
    const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    const load = { sdk, stream: 'saved', history: new History(), random: seededRandom(1), batchMax: 40 }
    await sdk.send(new CreateStreamCommand({ StreamName: load.stream, ShardCount: 4 }))
    const stop = new AbortController()
    const writers = keys.map((key) => write(load, key, stop.signal))
    const resharder = reshard(load, stop.signal)
    const grown = async (count: number): Promise<void> => {
      const before = load.history.acknowledgements
      await expect.poll(() => load.history.acknowledgements, { timeout: 60_000 }).toBeGreaterThan(before + count)
    }
    await grown(2_000)
    const points: { readonly point: Taken; readonly acknowledged: readonly string[] }[] = []
    for (let round = 0; round < 3; round++) {
      const acknowledged = load.history.acknowledgedTexts
      points.push({ point: await backup(dataDir, saved), acknowledged })
      await grown(1_000)
    }
    stop.abort()
    await Promise.all([...writers, resharder])
    expect(await server.kill()).toBe(null)
    const lastGiven = Math.max(...load.history.acknowledgedNumbers.map(commitOf))
    // Each point, in a place of its own, behind a server of its own.
    for (const { point, acknowledged } of points) {
      const restored = join(folder, `restored-${point.commit}`)
      const { code, stderr } = await millrace('restore', saved, restored, '--point', String(point.commit))
      expect(code, stderr).toBe(0)
      expect((await millrace('check', restored)).code).toBe(0)
      const again = await ServerProcess.start(restored)
      const reader = sdkClient(again.endpoint, 'test', 'http/1.1')
      try {
        const stored = await readAll(reader, load.stream)
        const texts = new Set(stored.map(({ text }) => text))
        expect(acknowledged.filter((text) => !texts.has(text))).toEqual([])
        // What is there is as it was answered; what came after the point may be missing.
        expect(load.history.violations(stored).filter((line) => !line.startsWith('lost: '))).toEqual([])
        const next = { StreamName: load.stream, PartitionKey: keys[0], Data: Buffer.from('after') }
        const { SequenceNumber } = await reader.send(new PutRecordCommand(next))
        expect(commitOf(SequenceNumber)).toBeGreaterThan(lastGiven)
      } finally {
        reader.destroy()
        await again.kill()
      }
      await rm(restored, { recursive: true, force: true })
    }
    sdk.destroy()
  })

  it('of a stopped server has keys and certificates too, for nobody else to read', async () => {
    const dataDir = join(folder, 'data')
    server = await ServerProcess.start(dataDir, ['--auth', 'none'])
    await server.kill('SIGTERM')
    await writeFile(join(dataDir, 'credentials.yaml'), 'accessKeys: []\n')
    await writeFile(join(dataDir, 'service-key.yaml'), 'keys: []\n')
    await mkdir(join(dataDir, 'tls'), { recursive: true })
    await writeFile(join(dataDir, 'tls', 'key.pem'), 'secret\n')
    await backup(dataDir, join(folder, 'saved'))
    const restored = join(folder, 'restored')
    expect((await millrace('restore', join(folder, 'saved'), restored)).code).toBe(0)
    for (const [path, text] of [
      ['credentials.yaml', 'accessKeys: []\n'],
      ['service-key.yaml', 'keys: []\n'],
      ['tls/key.pem', 'secret\n'],
    ] as const) {
      expect(await readFile(join(restored, path), 'utf8')).toBe(text)
      expect((await stat(join(restored, path))).mode & 0o777).toBe(0o600)
    }
  })

  it('of which only the newest points are kept lists them, and names one whose manifest rots', async () => {
    const dataDir = join(folder, 'data')
    const saved = join(folder, 'saved')
    server = await ServerProcess.start(dataDir)
    const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    const commits: number[] = []
    for (let round = 0; round < 3; round++) {
      await sdk.send(new CreateStreamCommand({ StreamName: `stream-${round}`, ShardCount: 1 }))
      commits.push((await backup(dataDir, saved, '--keep', '2')).commit)
    }
    sdk.destroy()
    const { stdout } = await millrace('restore', saved, '--list', '--json')
    const { items } = JSON.parse(stdout) as { items: { commit: number }[] }
    expect(items.map(({ commit }) => commit)).toEqual(commits.slice(1))

    // The manifest of the older one rots.
    const path = `points/${String(commits[1]).padStart(15, '0')}/manifest.json`
    await writeFile(join(saved, path), 'nothing')
    const told = { code: 8, stderr: expect.stringContaining(`${path}: this manifest is not whole`) }
    expect(await millrace('restore', saved, '--list')).toMatchObject(told)
    const taken = await millrace('backup', saved, dataDir)
    expect(taken).toMatchObject(told)
    expect(taken.stderr).toContain(`${saved}: 1 finding`)
    expect((await millrace('restore', saved, join(folder, 'restored'))).code).toBe(0)
  })

  it('interrupted, or to or from the wrong place, says so and leaves things as they were', async () => {
    const dataDir = join(folder, 'data')
    const saved = join(folder, 'saved')
    server = await ServerProcess.start(dataDir)
    const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    await sdk.send(new CreateStreamCommand({ StreamName: 'some', ShardCount: 1 }))
    sdk.destroy()
    const slow = startLocalCommand('backup', saved, dataDir, '--rate', '1000')
    const done = finished(slow)
    await expect.poll(() => readdir(join(saved, 'points')).catch(() => [])).not.toEqual([])
    slow.kill('SIGINT')
    expect((await done).code).toBe(130)
    expect((await millrace('restore', saved, join(folder, 'r'))).stderr).toContain('there is none')
    await backup(dataDir, saved)

    expect(await millrace('backup', join(dataDir, 'here'), dataDir)).toMatchObject({ code: 2 })
    expect(await millrace('backup', folder, dataDir)).toMatchObject({ code: 2 })
    expect(await millrace('backup', saved, join(folder, 'nothing'))).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`expected a data directory at ${join(folder, 'nothing')}, found nothing`),
    })
    await mkdir(join(folder, 'empty'))
    expect((await millrace('backup', saved, join(folder, 'empty'))).stderr).toContain('found no log in it')
    expect((await millrace('restore', saved, dataDir)).stderr).toContain('expected no directory or an empty one')
    expect((await millrace('restore', dataDir, join(folder, 'r'))).stderr).toContain('expected a backup, found none')
    expect((await millrace('restore', saved, join(folder, 'r'), '--point', '999999')).stderr).toContain('point 999999')
    expect(await readdir(folder)).not.toContain('r')
  })
})
