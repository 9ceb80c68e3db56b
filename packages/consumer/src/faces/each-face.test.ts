import { sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import type { DeadLetter, LettersLeft } from '../dead-letters/dead-letter.ts'
import type { FailurePolicy } from '../failure-policy.ts'
import type { ConsumerRecord } from '../record-processor.ts'
import { ShardConsumer, type ShardConsumerResult } from '../shards/shard-consumer.ts'
import type { ShardEvent } from '../shards/shard-event.ts'
import { FakeShard, nameOf, record } from '../testing/fake-shard.ts'
import { eachFace, type EachOptions, type RecordHandler } from './each-face.ts'

/** Of three keys: a, b, c, a, b, c … */
const records = Array.from({ length: 12 }, (_, index) => record(index, 'abc'[index % 3]))
let clock: VirtualClock
let shard: FakeShard
let running: number
let runningMax: number
let log: string[]
let events: ShardEvent[]

beforeEach(() => {
  clock = new VirtualClock()
  running = 0
  runningMax = 0
  log = []
  events = []
  shard = new FakeShard({ clock, random: seededRandom(1), records, isClosed: true, batchMax: 12 })
})

function start(handler: RecordHandler, options: EachOptions = {}, failure: FailurePolicy = {}) {
  const held = shard.hold()
  const counted: RecordHandler = async (one, context) => {
    runningMax = Math.max(runningMax, ++running)
    log.push(`> ${nameOf(one)}`)
    try {
      await handler(one, context)
    } finally {
      running--
      log.push(`< ${nameOf(one)}`)
    }
  }
  const consumer = new ShardConsumer({
    held,
    reader: shard.reader(),
    open: shard.open,
    processor: eachFace(counted, options),
    clock,
    random: seededRandom(2),
    options: { failure },
    onEvent: (event) => events.push(event),
  })
  return { held, consumer, ended: consumer.run() }
}

const run = ({ ended }: { ended: Promise<ShardConsumerResult> }): Promise<ShardConsumerResult> => runClock(clock, ended)
const clockFor = (ms: number): Promise<void> => runClock(clock, sleep(clock, ms))
const begun = (): string[] => log.filter((line) => line.startsWith('>')).map((line) => line.slice(2))

describe('a handler for each record', () => {
  it('runs for keys side by side, for a key in order', async () => {
    expect(await run(start(() => sleep(clock, 10)))).toEqual({ outcome: 'ended' })
    expect(runningMax).toBe(3)
    for (const key of 'abc') {
      const own = records.filter(({ partitionKey }) => partitionKey === key).map(nameOf)
      const lines = log.filter((line) => own.includes(line.slice(2)))
      expect(lines).toEqual(own.flatMap((name) => [`> ${name}`, `< ${name}`]))
    }
    expect(shard.checkpoint.sequenceNumber).toBe('SHARD_END')
  })

  it('runs so many times at once', async () => {
    await run(start(() => sleep(clock, 10), { concurrency: 2 }))
    expect(runningMax).toBe(2)
  })

  it('runs in no order for records without a key', async () => {
    await run(start(() => sleep(clock, 10), { keyOf: () => undefined }))
    expect(runningMax).toBe(12)
  })

  it('has so many records in hand and no more, those that are done behind one that is not among them', async () => {
    const started = start((one) => (nameOf(one) === '1000/0' ? sleep(clock, 1_000) : undefined), { inFlightMax: 5 })
    await clockFor(500)
    expect(begun()).toEqual(
      records
        .filter((_, index) => index < 5 && index % 3 !== 0)
        .map(nameOf)
        .concat('1000/0')
        .toSorted(),
    )
    expect(await run(started)).toEqual({ outcome: 'ended' })
  })
})

describe('its checkpoints', () => {
  it('go as far as everything is done', async () => {
    const stored: string[] = []
    shard.onCheckpoint = (place) => stored.push(nameOf(place))
    const started = start((one) => (nameOf(one) === '1004/0' ? sleep(clock, 5_000) : undefined), {
      checkpoint: { everyMs: 1_000 },
    })
    await clockFor(4_000)
    expect(stored).toEqual(['1003/0'])
    await run(started)
    expect(stored.at(-1)).toBe('SHARD_END/0')
  })

  it('come when the lease is released, as soon as the handlers that run are done: none begins', async () => {
    const started = start(() => sleep(clock, 1_000), { concurrency: 2 })
    await clockFor(1_500)
    const before = begun()
    started.held.askFor('handoff')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'handoff', isClean: true })
    expect(begun()).toEqual(before)
    expect(clock.monotonic()).toBeLessThan(2_600)
    expect(nameOf(shard.checkpoint)).toBe('1003/0')
  })

  it('come when the lease is released while the next records wait for room', async () => {
    const started = start(() => sleep(clock, 1_000), { inFlightMax: 6, checkpoint: { everyMs: 100_000 } })
    await clockFor(1_500)
    started.held.askFor('handoff')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'handoff', isClean: true })
    expect(events.filter(({ kind }) => kind === 'failure')).toEqual([])
    expect(nameOf(shard.checkpoint)).toBe('1005/0')
  })

  it('come by time while handlers finish for a release', async () => {
    const handler: RecordHandler = (one) => sleep(clock, nameOf(one) === '1002/0' ? 5_000 : 1_000)
    const started = start(handler, { inFlightMax: 6, checkpoint: { everyMs: 900 } })
    await clockFor(500)
    started.held.askFor('pause')
    await clockFor(2_000)
    expect(nameOf(shard.checkpoint)).toBe('1001/0')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'pause', isClean: true })
    expect(nameOf(shard.checkpoint)).toBe('1002/0')
  })

  it('come when the shard fails while the next records wait for room', async () => {
    const handler: RecordHandler = async (one) => {
      await sleep(clock, 1_000)
      if (nameOf(one) === '1004/0') throw new Error('No.')
    }
    const options = { inFlightMax: 6, checkpoint: { everyMs: 100_000 } }
    expect(await run(start(handler, options, { retry: { retries: 0 } }))).toMatchObject({ outcome: 'failed' })
    expect(nameOf(shard.checkpoint)).toBe('1003/0')
  })
})

describe('a record that fails', () => {
  it('holds up its key, and no other', async () => {
    let failures = 0
    const handler: RecordHandler = (one) => {
      if (nameOf(one) === '1000/0' && failures++ < 3) throw new Error('No.')
    }
    const started = start(handler, { concurrency: 1 }, { retry: { baseMs: 10_000 } })
    await clockFor(1)
    expect(begun().filter((name) => name !== '1000/0')).toHaveLength(8)
    await run(started)
    expect(failures).toBe(4)
  })

  it('is disposed of alone', async () => {
    const letters: string[] = []
    const poison = async ({ record: one }: { record: Parameters<typeof nameOf>[0] }): Promise<void> =>
      void letters.push(nameOf(one))
    const handler: RecordHandler = (one) => {
      if (nameOf(one) === '1004/0') throw new Error('No.')
    }
    expect(await run(start(handler, {}, { retry: { retries: 2 }, poison }))).toEqual({ outcome: 'ended' })
    expect(letters).toEqual(['1004/0'])
    expect(begun().filter((name) => name === '1004/0')).toHaveLength(3)
  })

  it('stops the shard where the policy says so, also when nothing more is delivered', async () => {
    const handler: RecordHandler = async (one) => {
      await sleep(clock, 1_000)
      if (nameOf(one) === '1004/0') throw new Error('No.')
    }
    const result = await run(start(handler, { checkpoint: { everyMs: 1_000_000 } }, { retry: { retries: 0 } }))
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'processing-failed' } })
    expect(nameOf(shard.checkpoint)).toBe('1003/0')
    expect(running).toBe(0)
  })
})

it('nothing begins after the lease was lost, and handlers are told', async () => {
  const told: boolean[] = []
  const started = start(
    async (_one, { lost }) => {
      await sleep(clock, 1_000)
      told.push(lost.aborted)
    },
    { concurrency: 2 },
  )
  await clockFor(500)
  started.held.lose()
  expect(await run(started)).toMatchObject({ outcome: 'lost' })
  expect(begun()).toHaveLength(2)
  expect(told).toEqual([true, true])
  expect(shard.calls).toBe(0)
})

it('refuses what is no handler, and an option that there is not', () => {
  expect(() => eachFace({} as RecordHandler)).toThrow('Expected a function for each record, found an object.')
  expect(() => eachFace(() => {}, { concurency: 4 } as EachOptions)).toThrow('Did you mean concurrency?')
  expect(() => eachFace(() => {}, { checkpoint: { every: 4 } } as EachOptions)).toThrow('checkpoint')
})

it.each([
  [{ everyMs: Number.NaN }, 'Expected milliseconds above 0, at most 2147483647, or Infinity, for everyMs, found NaN.'],
  [{ everyMs: 2 ** 31 }, 'for everyMs, found 2147483648.'],
  [{ everyRecords: 0 }, 'Expected a whole number from 1 on, or Infinity, for everyRecords, found 0.'],
])('refuses a pace of %j', (checkpoint, text) => {
  expect(() => eachFace(() => {}, { checkpoint })).toThrow(text)
})

it('checkpoints by number only where that is asked for', async () => {
  const started = start(() => {}, { checkpoint: { everyMs: Infinity, everyRecords: 5 } })
  await clockFor(1)
  expect(clock.pendingTimers).toBeLessThanOrEqual(1)
  expect(await run(started)).toEqual({ outcome: 'ended' })
})

it.each([{ concurrency: 0 }, { inFlightMax: 0.5 }])('refuses %j', (options) => {
  expect(() => eachFace(() => {}, options)).toThrow('Expected a whole number from 1 on')
})

describe('a record whose key cannot be told', () => {
  const [, , third] = records
  const keyOf = (failures: number) => (one: ConsumerRecord) => {
    if (one === third && failures-- > 0) throw new Error('no key')
    return one.partitionKey
  }

  it('is asked again by the failure policy, and handles each record once', async () => {
    expect(await run(start(() => {}, { keyOf: keyOf(3) }))).toEqual({ outcome: 'ended' })
    expect(begun().toSorted()).toEqual(records.map(nameOf))
  })

  it('passes over it where the policy does, and over no other', async () => {
    const failure: FailurePolicy = { retry: { retries: 1 }, poison: 'skip' }
    expect(await run(start(() => {}, { keyOf: keyOf(Infinity) }, failure))).toEqual({ outcome: 'ended' })
    expect(begun().toSorted()).toEqual(records.filter((one) => one !== third).map(nameOf))
  })

  it('is in hand where it was passed over: the last checkpoint of a release goes as far', async () => {
    const failure: FailurePolicy = { retry: { retries: 0 }, poison: 'skip' }
    const options: EachOptions = { keyOf: keyOf(Infinity), inFlightMax: 3, checkpoint: { everyMs: 100_000 } }
    const started = start(() => sleep(clock, 1_000), options, failure)
    await clockFor(500)
    started.held.askFor('handoff')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'handoff', isClean: true })
    expect(nameOf(shard.checkpoint)).toBe('1002/0')
  })

  it('stops the shard where the policy does', async () => {
    const failure: FailurePolicy = { retry: { retries: 1 } }
    const result = await run(start(() => {}, { keyOf: keyOf(Infinity) }, failure))
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'processing-failed' } })
    expect(begun().toSorted()).toEqual(records.slice(0, 2).map(nameOf))
  })
})

describe('records that fail side by side', () => {
  const keyless: EachOptions = { keyOf: (one) => nameOf(one), checkpoint: { everyRecords: 1 } }
  const fails: RecordHandler = () => Promise.reject(new Error('no'))
  const namesOf = (letters: readonly DeadLetter[]) => letters.map(({ record: one }) => nameOf(one))

  /** `answer`: what becomes of a call, after a second. */
  function sinkOf(answer: (letters: readonly DeadLetter[]) => LettersLeft) {
    const calls: string[][] = []
    const take = async (letters: readonly DeadLetter[]): Promise<LettersLeft> => {
      calls.push(namesOf(letters))
      await sleep(clock, 1_000)
      return answer(letters)
    }
    const one = async (letter: DeadLetter): Promise<void> => {
      const { left, error } = await take([letter])
      if (left.length > 0) throw error
    }
    return { calls, sink: Object.assign(one, { many: take }) }
  }

  it('have their letters in one call of the sink, behind the one that is under way', async () => {
    const { calls, sink } = sinkOf(() => ({ left: [] }))
    const started = start(fails, keyless, { retry: { retries: 0 }, poison: sink })
    await clockFor(1_500)
    // What the sink does not have yet counts as done with for nobody.
    expect(nameOf(shard.checkpoint)).toBe('1000/0')
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(calls).toEqual([[nameOf(records[0] as ConsumerRecord)], records.slice(1).map(nameOf)])
  })

  it.each<[string, (letter: DeadLetter) => DeadLetter]>([
    ['themselves', (letter) => letter],
    ['by copies', (letter) => structuredClone(letter)],
  ])('have those given again that the sink leaves, and no others, named %s', async (_, named) => {
    let isAway = true
    const away = new Set(records.slice(5, 7).map(nameOf))
    const { calls, sink } = sinkOf((letters) => {
      const left = isAway ? letters.filter((letter) => away.has(nameOf(letter.record))) : []
      return { left: left.map(named), error: new Error('It is away.') }
    })
    const started = start(fails, keyless, { retry: { retries: 0 }, poison: sink })
    await clockFor(2_050)
    expect(nameOf(shard.checkpoint)).toBe('1004/0')
    isAway = false
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(
      calls
        .slice(2)
        .flat()
        .filter((name) => !away.has(name)),
    ).toEqual([])
  })

  it('are all given again where the sink leaves one that it was not given', async () => {
    let isAway = true
    const { calls, sink } = sinkOf((letters) => {
      const [first = letters[0] as DeadLetter] = letters
      const stranger = { ...first, record: { ...first.record, sequenceNumber: '7' } }
      return { left: isAway ? [stranger] : [], error: new Error('It is away.') }
    })
    const started = start(fails, keyless, { retry: { retries: 0 }, poison: sink })
    await clockFor(2_050)
    // The first was given alone, by the sink itself, which says nothing of others.
    isAway = false
    expect(await run(started)).toEqual({ outcome: 'ended' })
    const again = new Set(calls.slice(2).flat())
    expect(records.slice(1).filter((one) => !again.has(nameOf(one)))).toEqual([])
  })

  it('go to a sink whose `many` needs it', async () => {
    const sink = Object.assign(() => Promise.resolve(), {
      kept: [] as string[],
      async many(this: { readonly kept: string[] }, letters: readonly DeadLetter[]): Promise<LettersLeft> {
        this.kept.push(...namesOf(letters))
        return { left: [] }
      },
    })
    expect(await run(start(fails, keyless, { retry: { retries: 0 }, poison: sink }))).toEqual({ outcome: 'ended' })
    expect(sink.kept).toEqual(records.slice(1).map(nameOf))
  })

  it('have the sink say of each alone which one it refuses for good', async () => {
    const refused = nameOf(records[5] as ConsumerRecord)
    const { calls, sink } = sinkOf((letters) => {
      const left = namesOf(letters).includes(refused) ? letters : []
      return { left, error: Object.assign(new Error('It is too large.'), { retryable: false }) }
    })
    const result = await run(start(fails, keyless, { retry: { retries: 0 }, poison: sink }))
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'dead-letter-refused' } })
    expect(nameOf(shard.checkpoint)).toBe('1004/0')
    expect(calls.slice(2, 8)).toEqual(records.slice(1, 7).map((one) => [nameOf(one)]))
  })
})
