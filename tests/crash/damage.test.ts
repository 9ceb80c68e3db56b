/**
 * A drive that lost something, as whoever runs the server sees it: `millrace check` names stream, shard and sequence
 * number, and so does readiness; everything else is served.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { finished, runCommand, startLocalCommand } from './support/command.ts'
import { ServerProcess } from './support/server-process.ts'

const PAGE_BYTES = 4_096
const RECORDS = 9
const LOST = 4

describe('a damaged directory', () => {
  let folder = ''
  let server: ServerProcess
  let client: KinesisClient
  /** Of all records, one commit each. */
  let numbers: string[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-damage-'))
    server = await ServerProcess.start(folder)
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' }
    client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
    await runCommand(server.endpoint, 'stream', 'create', 'orders', '--shards', '2')
    numbers = []
    for (let n = 0; n < RECORDS; n++) {
      const Data = Buffer.from(`needle-${n}-`)
      const put = await client.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'one', Data }))
      numbers.push(put.SequenceNumber ?? '')
    }
    await server.kill('SIGTERM')
  })
  afterEach(async () => {
    client.destroy()
    await server.kill()
    await rm(folder, { recursive: true, force: true })
  })

  const check = (...options: string[]): ReturnType<typeof finished> =>
    finished(startLocalCommand('check', folder, ...options))

  /** The rows of `dump --json` that say what is damaged. */
  async function dumpedDamage(): Promise<unknown[]> {
    const { code, stdout } = await finished(startLocalCommand('dump', folder, '--json'))
    expect(code).toBe(0)
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row) as { kind: string })
    return rows.filter(({ kind }) => kind === 'damage')
  }

  /** Changes the segment in which record LOST stands. */
  async function damage(change: (bytes: Buffer, at: number) => void, record = LOST): Promise<void> {
    for (const name of await readdir(join(folder, 'log'))) {
      const path = join(folder, 'log', name)
      const bytes = await readFile(path)
      const at = bytes.indexOf(`needle-${record}-`)
      if (at === -1) continue
      change(bytes, at)
      await writeFile(path, bytes)
    }
  }

  /** What is read of the shard, and how many answers were errors. */
  async function readOn(ShardId: string): Promise<{ texts: string[]; failures: number }> {
    const StreamName = 'orders'
    const texts: string[] = []
    let failures = 0
    // Behind what is lost: where the finding says that reading goes on.
    let at: string | undefined
    let after: string | undefined
    while (texts.length < RECORDS - 1 && failures < 2) {
      const { ShardIterator } = await client.send(
        new GetShardIteratorCommand({
          StreamName,
          ShardId,
          ShardIteratorType:
            at !== undefined ? 'AT_SEQUENCE_NUMBER' : after !== undefined ? 'AFTER_SEQUENCE_NUMBER' : 'TRIM_HORIZON',
          StartingSequenceNumber: at ?? after,
        }),
      )
      try {
        const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }))
        texts.push(...Records.map(({ Data }) => Buffer.from(Data ?? []).toString()))
        after = Records.at(-1)?.SequenceNumber ?? after
        at = undefined
      } catch (error) {
        expect((error as Error).name).toBe('InternalFailure')
        failures++
        at = numbers[LOST + 1]
      }
    }
    return { texts, failures }
  }

  it('that is whole has no findings', async () => {
    expect(await check()).toMatchObject({ code: 0, stderr: expect.stringContaining('all is well') })
  })

  it.each([
    ['a byte of a record', (bytes: Buffer, at: number) => void (bytes[at] = (bytes[at] ?? 0) ^ 1), true],
    ['the header of a commit', (bytes: Buffer, at: number) => void bytes.fill(0, at - (at % PAGE_BYTES), at), false],
  ])('is named by stream, shard and sequence number: %s', async (_what, change, isExact) => {
    await damage(change)
    const found = await check()
    expect(found.code).toBe(8)
    const [shardId] = /shardId-\d+/.exec(found.stdout) ?? []
    const records = isExact
      ? `record ${numbers[LOST]}`
      : `records after ${numbers[LOST - 1]} and before ${numbers[LOST + 1]}`
    expect(found.stdout).toContain(`000000000000/us-east-1/orders ${shardId} lost ${records}`)
    const { items } = JSON.parse((await check('--json')).stdout) as { items: { shards: unknown[] }[] }
    expect(items[0]?.shards).toMatchObject([{ stream: 'orders', shardId, isCertain: true }])

    await server.start()
    const { texts, failures } = await readOn(shardId ?? '')
    expect(failures).toBe(1)
    expect(texts).toEqual(Array.from({ length: RECORDS }, (_, n) => `needle-${n}-`).filter((_, n) => n !== LOST))
    const ready = await fetch(`${server.endpoint}/_health/ready`)
    expect(ready.status).toBe(200)
    expect(JSON.stringify(await ready.json())).toContain(`orders ${shardId} lost ${records}`)
  })

  it.each([
    ['a byte of a record', (bytes: Buffer, at: number) => void (bytes[at] = (bytes[at] ?? 0) ^ 1)],
    ['the header of a commit', (bytes: Buffer, at: number) => void bytes.fill(0, at - (at % PAGE_BYTES), at)],
  ])('that somebody has accepted is passed over, and nothing else: %s', async (_what, change) => {
    await damage(change)
    const found = await check()
    expect(await dumpedDamage()).toMatchObject([{ losses: [{ isAccepted: false }] }])
    const [, name = ''] = /to accept: (\S+)/.exec(found.stdout) ?? []
    expect(found.stderr).toContain(`--accept-loss '${name}'`)
    expect(await check('--accept-loss', 'orders/shardId-000000000009:start-end')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`there are ${name}`),
    })
    // Without account and region, which are the only ones.
    const short = name.split('/').slice(2).join('/')
    expect(await check('--accept-loss', short)).toMatchObject({ code: 0 })
    expect(await check()).toMatchObject({ code: 0, stdout: expect.stringContaining(`accepted: ${name}`) })
    expect(await dumpedDamage()).toMatchObject([{ losses: [{ name, isAccepted: true }] }])

    await server.start()
    const [shardId = ''] = /shardId-\d+/.exec(name) ?? []
    const { texts, failures } = await readOn(shardId)
    expect(failures).toBe(0)
    expect(texts).toEqual(Array.from({ length: RECORDS }, (_, n) => `needle-${n}-`).filter((_, n) => n !== LOST))
    // A further loss is told like the first.
    await server.kill('SIGTERM')
    await damage((bytes) => {
      const at = bytes.indexOf(`needle-${LOST + 2}-`)
      bytes[at] = (bytes[at] ?? 0) ^ 1
    }, LOST + 2)
    expect((await check()).code).toBe(8)
    await server.start()
    expect((await readOn(shardId)).failures).toBeGreaterThan(0)
  })
})
