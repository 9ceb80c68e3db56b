import { sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { recordProcessorFace } from '../faces/record-processor-face.ts'
import type { FailurePolicy } from '../failure-policy.ts'
import type { RecordProcessor } from '../record-processor.ts'
import { FakeShard, nameOf, record } from '../testing/fake-shard.ts'
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

const shardOf = (isClosed: boolean): FakeShard =>
  new FakeShard({ clock, random: seededRandom(3), records, isClosed, batchMax: 30 })

function start(shard: FakeShard, processRecords: RecordProcessor['processRecords'], failure: FailurePolicy) {
  const held = shard.hold()
  const consumer = new ShardConsumer({
    held,
    reader: shard.reader(),
    open: shard.open,
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
