import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PutRecordsInput, PutRecordsOutput } from '@millrace/protocol'
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

  it('has several at once, after one sync', async () => {
    await using file = new DeadLetterFile(path)
    expect(await file.put.many([0, 1, 2].map((sequence) => letter(sequence)))).toEqual({ left: [] })
    expect(await lines()).toEqual([...[0, 1, 2].map(document), ''])
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
  /** Of calls for several: the data of each. */
  const calls: string[][] = []
  /** What each such call refuses: an error of the call, or the data of records. */
  const refusals: (Error | readonly string[])[] = []
  const client = {
    putRecord: async (input: unknown) => {
      puts.push(input)
      return { ShardId: 'shardId-0', SequenceNumber: '1' }
    },
    putRecords: async ({ Records }: PutRecordsInput): Promise<PutRecordsOutput> => {
      const refused = refusals.shift() ?? []
      if (refused instanceof Error) throw refused
      calls.push(Records.map(({ Data }) => String(Data)))
      return {
        FailedRecordCount: refused.length,
        Records: Records.map(({ Data }) =>
          refused.includes(String(Data)) ? { ErrorCode: 'InternalFailure', ErrorMessage: 'No.' } : { ShardId: 's' },
        ),
      }
    },
  }
  beforeEach(() => {
    for (const list of [puts, calls, refusals]) list.splice(0)
  })

  describe('for several at once', () => {
    const sink = deadLetterStream({ client, stream: 'dead', content: 'record' })
    const named = (name: string, partitionKey = name, bytes = 0): DeadLetter => ({
      ...letter(0),
      record: { ...record(0, partitionKey), data: Buffer.from(name.padEnd(bytes)) },
    })
    const namesOf = (letters: readonly DeadLetter[] = []) => letters.map(({ record: { data } }) => String(data))

    it('has one call for as many as the service takes', async () => {
      const letters = Array.from({ length: 1_200 }, (_, i) => named(`${i}`))
      expect(await sink.many?.(letters, signal)).toEqual({ left: [] })
      expect(calls.map(({ length }) => length)).toEqual([500, 500, 200])
      expect(calls.flat()).toEqual(namesOf(letters))
      expect(puts).toEqual([])
    })

    it('has no call beyond the bytes that the service takes, but for one that is larger alone', async () => {
      const mebibytes = (name: string, count: number) => named(name, name, count * 1024 * 1024)
      await sink.many?.([mebibytes('a', 4), mebibytes('b', 4), mebibytes('c', 4), mebibytes('d', 11), named('e')], signal) // prettier-ignore
      expect(calls.map((call) => call.map((data) => data[0]))).toEqual([['a', 'b'], ['c'], ['d'], ['e']])
    })

    it('keeps those of a key in order, whatever fails: they go one after another', async () => {
      const letters = [named('a1', 'a'), named('b1', 'b'), named('a2', 'a'), named('b2', 'b'), named('a3', 'a')]
      refusals.push([], ['a2'])
      const { left, error } = (await sink.many?.(letters, signal)) ?? {}
      expect(calls).toEqual([
        ['a1', 'b1'],
        ['a2', 'b2'],
      ])
      expect(namesOf(left)).toEqual(['a2', 'a3'])
      expect(String(error)).toContain('InternalFailure: No.')
      expect(await sink.many?.(left ?? [], signal)).toEqual({ left: [] })
      expect(calls.slice(2)).toEqual([['a2'], ['a3']])
    })

    it('says what a call that fails has left', async () => {
      const gone = new Error('It is not there.')
      refusals.push([], gone)
      const letters = Array.from({ length: 600 }, (_, i) => named(`${i}`))
      const { left, error } = (await sink.many?.(letters, signal)) ?? {}
      expect([left?.length, error]).toEqual([100, gone])
    })
  })

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
