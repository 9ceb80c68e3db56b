import { sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import type { DeadLetter, DeadLetterSink } from '../dead-letters/dead-letter.ts'
import { recordProcessorFace } from '../faces/record-processor-face.ts'
import type { FailurePolicy } from '../failure-policy.ts'
import type { ConsumerRecord, RecordProcessor } from '../record-processor.ts'
import { FakeShard, nameOf, record } from '../testing/fake-shard.ts'
import { InvalidRecord, type OpenRecords } from './invalid-record.ts'
import { ShardConsumer, type ShardConsumerResult } from './shard-consumer.ts'
import type { ShardEvent } from './shard-event.ts'

const records = Array.from({ length: 20 }, (_, index) => record(index))
const last = records.at(-1)
let clock: VirtualClock
let events: ShardEvent[]

beforeEach(() => {
  clock = new VirtualClock()
  events = []
})

/** `isWhole`: all records come in one answer. */
const shardOf = (isClosed: boolean, isWhole = false): FakeShard => {
  const random = isWhole ? { ...seededRandom(3), float: () => 0.99 } : seededRandom(3)
  return new FakeShard({ clock, random, records, isClosed, batchMax: 30 })
}

function start(
  shard: FakeShard,
  processRecords: RecordProcessor['processRecords'],
  failure: FailurePolicy,
  open: OpenRecords<Uint8Array> = shard.open,
) {
  const held = shard.hold()
  const consumer = new ShardConsumer({
    held,
    reader: shard.reader(),
    open,
    processor: recordProcessorFace(() => ({ processRecords })),
    clock,
    random: seededRandom(5),
    options: { failure },
    onEvent: (event) => events.push(event),
  })
  return { held, ended: consumer.run() }
}

const run = ({ ended }: { ended: Promise<ShardConsumerResult> }): Promise<ShardConsumerResult> => runClock(clock, ended)

/** Cannot process the last record. */
const processRecords: RecordProcessor['processRecords'] = ({ records: given }) => {
  if (given.some((one) => one === last)) throw new Error('No.')
}

describe('what the policy disposed of', () => {
  it.each([5_000, 100])('at the tail is not disposed of again, stopped after %i ms', async (ms) => {
    const shard = shardOf(false)
    const letters: string[] = []
    const failure: FailurePolicy = {
      retry: { retries: 0 },
      poison: async ({ record: one }) => void letters.push(nameOf(one)),
    }
    for (let life = 0; life < 3; life++) {
      const checkpointing: RecordProcessor['processRecords'] = async (input) => {
        await processRecords(input)
        await input.checkpointer.checkpoint()
      }
      const started = start(shard, checkpointing, failure)
      await runClock(clock, sleep(clock, ms))
      if (ms > 1_000) expect(nameOf(shard.checkpoint)).toBe('1019/0')
      started.held.askFor('stop')
      expect(await run(started)).toMatchObject({ outcome: 'released', isClean: true })
    }
    expect(letters).toEqual(['1019/0'])
  })

  it('comes again behind what the application has not checkpointed', async () => {
    const shard = shardOf(false)
    const started = start(shard, processRecords, { retry: { retries: 0 }, poison: 'skip' })
    await runClock(clock, sleep(clock, 5_000))
    started.held.askFor('stop')
    expect(await run(started)).toMatchObject({ isClean: true })
    expect(shard.calls).toBe(0)
  })

  describe('of several records together', () => {
    const sinkOf = (many: NonNullable<DeadLetterSink['many']>) => {
      const letters: string[] = []
      const sink = async ({ record: one }: DeadLetter): Promise<void> => void letters.push(`${nameOf(one)} alone`)
      const poison = Object.assign(sink, { many })
      return { poison, letters }
    }
    const failing: RecordProcessor['processRecords'] = () => {
      throw new Error('No.')
    }
    const whole = (poison: DeadLetterSink): FailurePolicy => ({ retry: { retries: 0 }, bisect: false, poison })

    it('is given to a sink that takes several at once; what it leaves is given again', async () => {
      const given: number[] = []
      const { poison, letters } = sinkOf(async (some) => {
        given.push(some.length)
        if (given.length > 2) return { left: [] }
        return { left: some.slice(3), error: new Error('Later.') }
      })
      expect(await run(start(shardOf(true, true), failing, whole(poison)))).toEqual({ outcome: 'ended' })
      expect([given, letters]).toEqual([[20, 17, 14], []])
      expect(events.filter(({ kind }) => kind === 'dead-letter-failure')).toMatchObject([
        { failures: 1 },
        { failures: 1 },
      ])
      expect(events.filter(({ kind }) => kind === 'dead-lettered')).toMatchObject([{ records: 20 }])
    })

    it('is given one after another where the sink refuses one for good', async () => {
      const refused = Object.assign(new Error('Too large.'), { retryable: false })
      const { poison, letters } = sinkOf(async (some) => ({ left: some.slice(18), error: refused }))
      expect(await run(start(shardOf(true, true), failing, whole(poison)))).toEqual({ outcome: 'ended' })
      expect(letters).toEqual(['1018/0 alone', '1019/0 alone'])
    })

    it('that the schema does not take is given alone where the sink refuses it for good, by a copy too', async () => {
      const refused = Object.assign(new Error('Too large.'), { retryable: false })
      const { poison, letters } = sinkOf(async (some) => ({ left: some.slice(18).map((one) => structuredClone(one)), error: refused })) // prettier-ignore
      const shard = shardOf(true, true)
      const opening: OpenRecords<Uint8Array> = (batch) =>
        shard.open(batch).map((one) => new InvalidRecord(one as ConsumerRecord, new Error('No.')))
      expect(await run(start(shard, () => {}, { poison }, opening))).toEqual({ outcome: 'ended' })
      expect(letters).toEqual(['1018/0 alone', '1019/0 alone'])
    })

    it('that the schema does not take is given together, run by run', async () => {
      const given: string[][] = []
      const { poison } = sinkOf(async (some) => {
        given.push(some.map(({ record: one, error }) => `${one.sequenceNumber} ${String(error)}`))
        return { left: [] }
      })
      const isInvalid = (sequence: number) => sequence < 1_003 || sequence > 1_017
      const opening: OpenRecords<Uint8Array> = (batch) =>
        shard.open(batch).map((one) => {
          const { sequenceNumber } = one as ConsumerRecord
          return isInvalid(Number(sequenceNumber)) ? new InvalidRecord(one as ConsumerRecord, sequenceNumber) : one
        })
      const shard = shardOf(true, true)
      expect(await run(start(shard, () => {}, { poison }, opening))).toEqual({ outcome: 'ended' })
      expect(given).toEqual([
        ['1000 1000', '1001 1001', '1002 1002'],
        ['1018 1018', '1019 1019'],
      ])
      expect(events.filter(({ kind }) => kind === 'failure')).toHaveLength(5)
    })
  })

  it.each(['deadline', 'malformed', 'InternalFailure'])('waits for dead letters that are away: %s', async (code) => {
    let tries = 0
    const poison = async (): Promise<void> => {
      if (tries++ === 0) throw Object.assign(new Error('Not now.'), { code, retryable: false })
    }
    expect(await run(start(shardOf(true), processRecords, { retry: { retries: 0 }, poison }))).toEqual({
      outcome: 'ended',
    })
    expect(events.filter(({ kind }) => kind === 'dead-letter-failure')).toHaveLength(1)
  })
})
