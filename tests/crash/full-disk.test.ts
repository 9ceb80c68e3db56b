/**
 * A real disk that is full: puts are refused and nothing acknowledged is lost, reads and deletes go on, over a kill too,
 * and puts come back by themselves when there is room. Needs Linux, root, loop devices; says so where it cannot. And a log
 * that is full by `--disk-max`, anywhere.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sdkClient } from '../conformance/support/sdk-client.ts'
import { finished, startLocalCommand } from './support/command.ts'
import { readAll } from './support/load.ts'
import { LoopDisk } from './support/loop-disk.ts'
import { ServerProcess } from './support/server-process.ts'

const MIB = 2 ** 20
const DISK_BYTES = 320 * MIB
/** More than a segment: deleted, they give one back. */
const OLD_RECORDS = 100
const RECORD_BYTES = MIB - 16
const OPTIONS = ['--shard-limits', 'off', '--disk-reserve', '32MiB']
/** The log looks for space every second; then it has segments to prepare, and old ones to give back. */
const BACK_MS = 60_000
const missing = LoopDisk.missing()

describe('a full disk', () => {
  let folder = ''
  let server: ServerProcess | undefined
  let sdk: KinesisClient
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-full-'))
  })
  afterEach(async () => {
    sdk?.destroy()
    await server?.kill()
    await rm(folder, { recursive: true, force: true })
  })

  async function start(
    disk: Pick<LoopDisk, 'path'>,
    streams: readonly string[],
    options = OPTIONS,
  ): Promise<ServerProcess> {
    server = await ServerProcess.start(join(disk.path, 'data'), options)
    sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    for (const StreamName of streams) await sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
    return server
  }

  /** What it is answered: the sequence number, or the name of the error. */
  async function put(StreamName: string, text: string): Promise<{ number?: string; refused?: string }> {
    const Data = Buffer.alloc(RECORD_BYTES, ' ')
    Data.write(text)
    try {
      const { SequenceNumber = '' } = await sdk.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data }))
      return { number: SequenceNumber }
    } catch (error) {
      return { refused: (error as Error).name }
    }
  }

  /** Puts until one is refused; what was acknowledged, by its number. */
  async function fill(stream: string, most = Number.POSITIVE_INFINITY): Promise<Map<string, string>> {
    const acknowledged = new Map<string, string>()
    for (let n = 0; n < most; n++) {
      const { number, refused } = await put(stream, `${stream}:${n}`)
      if (number === undefined) {
        expect(refused).toBe('InternalFailure')
        return acknowledged
      }
      acknowledged.set(number, `${stream}:${n}`)
    }
    return acknowledged
  }

  async function expectStored(stream: string, acknowledged: ReadonlyMap<string, string>): Promise<void> {
    const stored = new Map((await readAll(sdk, stream)).map(({ sequenceNumber, text }) => [sequenceNumber, text]))
    expect([...acknowledged].filter(([number, text]) => stored.get(number) !== text)).toEqual([])
  }

  const putsAgain = (stream: string) =>
    expect.poll(async () => (await put(stream, 'again')).refused, { timeout: BACK_MS, interval: 200 }).toBe(undefined)

  it('refuses puts, serves the rest over a kill, and takes puts again when a stream is deleted', async () => {
    if (missing !== undefined) return tellMissing()
    using disk = LoopDisk.make(folder, DISK_BYTES)
    const running = await start(disk, ['old', 'kept'])
    const old = await fill('old', OLD_RECORDS)
    const kept = await fill('kept')
    expect(old.size).toBe(OLD_RECORDS)
    expect(kept.size).toBeGreaterThan(20)
    const { FailedRecordCount, Records } = await sdk.send(
      new PutRecordsCommand({
        StreamName: 'kept',
        Records: [{ Data: Buffer.alloc(RECORD_BYTES), PartitionKey: 'k' }],
      }),
    )
    expect([FailedRecordCount, Records?.[0]?.ErrorCode]).toEqual([1, 'InternalFailure'])
    await expectStored('kept', kept)

    await running.kill()
    // Not ready: it waits for space, and says so.
    const starting = running.start().catch(() => undefined)
    await expect
      .poll(async () => (await put('kept', 'while full')).refused, { timeout: 20_000 })
      .toBe('InternalFailure')
    await expectStored('kept', kept)
    await sdk.send(new DescribeStreamSummaryCommand({ StreamName: 'old' }))
    await sdk.send(new DeleteStreamCommand({ StreamName: 'old' }))
    await putsAgain('kept')
    await starting
    expect((await fetch(`${running.endpoint}/_health/ready`)).status).toBe(200)
    await expectStored('kept', kept)
    expect(await running.kill('SIGTERM')).toBe(0)
    expect((await finished(startLocalCommand('check', join(disk.path, 'data')))).code).toBe(0)
  })

  it('that somebody else has filled is waited out', async () => {
    if (missing !== undefined) return tellMissing()
    using disk = LoopDisk.make(folder, DISK_BYTES)
    await start(disk, ['kept'])
    const foreign = join(disk.path, 'foreign')
    const file = await open(foreign, 'w')
    const { bavail, bsize } = await statfs(disk.path)
    for (let left = bavail * bsize - 40 * MIB; left > 0; left -= MIB) await file.write(Buffer.alloc(MIB))
    await file.close()
    const kept = await fill('kept')
    expect(kept.size).toBeGreaterThan(20)
    rmSync(foreign)
    await putsAgain('kept')
    await expectStored('kept', kept)
  })

  it('by its own bound takes no more than that, and takes puts again when a stream is deleted', async () => {
    await start({ path: folder }, ['old', 'kept'], ['--shard-limits', 'off', '--disk-max', '192MiB'])
    await fill('old', 70)
    const kept = await fill('kept')
    expect(kept.size).toBeGreaterThan(20)
    expect(await bytesBelow(join(folder, 'data'))).toBeLessThanOrEqual(192 * MIB)
    await sdk.send(new DeleteStreamCommand({ StreamName: 'old' }))
    await putsAgain('kept')
    await expectStored('kept', kept)
  })
})

async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}

function tellMissing(): void {
  process.stderr.write(`not shown here: a full disk (it needs ${missing})\n`)
}
