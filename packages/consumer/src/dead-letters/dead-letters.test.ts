import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { record } from '../testing/fake-shard.ts'
import type { DeadLetter } from './dead-letter.ts'
import { DeadLetterFile } from './dead-letter-file.ts'
import { deadLetterStream } from './dead-letter-stream.ts'

const { signal } = new AbortController()
const letter = (sequence: number, error: unknown = new TypeError('It is no document.')): DeadLetter => ({
  stream: 'orders',
  shardId: 'shardId-0',
  record: { ...record(sequence, 'user-1'), data: Buffer.from('{"total"'), explicitHashKey: '7' },
  error,
  attempts: 3,
  failedAtMs: 1_700_000_000_000,
})

const document = (sequence: number): unknown => ({
  stream: 'orders',
  shardId: 'shardId-0',
  sequenceNumber: String(1_000 + sequence),
  subSequenceNumber: 0,
  partitionKey: 'user-1',
  explicitHashKey: '7',
  approximateArrivalTimestamp: 0,
  error: 'TypeError: It is no document.',
  attempts: 3,
  failedAtMs: 1_700_000_000_000,
  data: Buffer.from('{"total"').toString('base64'),
})

describe('a file of dead letters', () => {
  let folder: string
  let path: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dead-letters-'))
    path = join(folder, 'letters.jsonl')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const lines = async (): Promise<unknown[]> =>
    (await readFile(path, 'utf8')).split('\n').map((line) => (line.startsWith('{"stream') ? JSON.parse(line) : line))

  it('has a line of JSON for each, also for those that come at the same time', async () => {
    await using file = new DeadLetterFile(path)
    await file.put(letter(0))
    await Promise.all([1, 2, 3, 4].map((sequence) => file.put(letter(sequence))))
    expect(await lines()).toEqual([...[0, 1, 2, 3, 4].map(document), ''])
  })

  it('is not begun while there is none, and goes on where it was', async () => {
    await new DeadLetterFile(path)[Symbol.asyncDispose]()
    await expect(readFile(path)).rejects.toThrow('ENOENT')
    for (const sequence of [0, 1]) {
      await using file = new DeadLetterFile(path)
      await file.put(letter(sequence))
    }
    expect(await lines()).toEqual([document(0), document(1), ''])
  })

  it('keeps a line that was cut off apart from the next letter', async () => {
    await appendFile(path, '{"str')
    await using file = new DeadLetterFile(path)
    await file.put(letter(0))
    expect(await lines()).toEqual(['{"str', document(0), ''])
  })

  it('rejects where it cannot be written, and takes the letter when it can', async () => {
    await using file = new DeadLetterFile(join(folder, 'later', 'letters.jsonl'))
    await expect(file.put(letter(0))).rejects.toThrow('ENOENT')
    path = join(folder, 'later', 'letters.jsonl')
    await mkdir(join(folder, 'later'))
    await file.put(letter(1))
    expect(await lines()).toEqual([document(1), ''])
  })
})

describe('a stream of dead letters', () => {
  const puts: unknown[] = []
  const client = {
    putRecord: async (input: unknown) => {
      puts.push(input)
      return { ShardId: 'shardId-0', SequenceNumber: '1' }
    },
  }
  beforeEach(() => void puts.splice(0))

  it('has a document for each, under the record’s own keys', async () => {
    await deadLetterStream({ client, stream: 'orders-dead' })(letter(0), signal)
    expect(puts).toMatchObject([{ StreamName: 'orders-dead', PartitionKey: 'user-1', ExplicitHashKey: '7' }])
    expect(JSON.parse(String((puts[0] as { Data: Uint8Array }).Data))).toEqual(document(0))
  })

  it('or the record as it was', async () => {
    await deadLetterStream({ client, stream: 'orders-dead', content: 'record' })(letter(0), signal)
    expect(puts).toMatchObject([{ Data: Buffer.from('{"total"') }])
  })

  it('has a key for a record that has none', async () => {
    const { record: one, ...rest } = letter(0)
    await deadLetterStream({ client, stream: 'dead' })({ ...rest, record: { ...one, partitionKey: '' } }, signal)
    expect(puts).toMatchObject([{ PartitionKey: 'shardId-0' }])
  })

  it('bounds what an error says', async () => {
    await deadLetterStream({ client, stream: 'dead' })(letter(0, 'x'.repeat(100_000)), signal)
    expect((puts[0] as { Data: Uint8Array }).Data.length).toBeLessThan(3_000)
  })
})
