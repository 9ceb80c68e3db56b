import { deferred, sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  recordProcessorFace,
  type RecordProcessorFactory,
  type RecordProcessorOptions,
} from '../faces/record-processor-face.ts'
import type { LeaseLostError } from '../leases/held-lease.ts'
import { LeaseStoreError } from '../leases/lease-store.ts'
import type { Checkpointer, ConsumerRecord, RecordProcessor } from '../record-processor.ts'
import { ShardReadError } from '../retrieval/shard-reader.ts'
import { answerOf, FakeShard, type FakeShardOptions, nameOf, record } from '../testing/fake-shard.ts'
import type { OpenRecords } from './invalid-record.ts'
import { ShardConsumer, type ShardConsumerResult } from './shard-consumer.ts'
import type { ShardConsumerOptions } from './shard-consumer-options.ts'
import type { ShardEvent } from './shard-event.ts'

const records = Array.from({ length: 20 }, (_, index) => record(index))
const last = records.at(-1)
let clock: VirtualClock
let events: ShardEvent[]
/** What the processor was called with, in order. */
let calls: string[]

beforeEach(() => {
  clock = new VirtualClock()
  events = []
  calls = []
})

function shardOf(options: Partial<FakeShardOptions> = {}): FakeShard {
  return new FakeShard({ clock, random: seededRandom(3), records, isClosed: true, ...options })
}

interface Setting extends ShardConsumerOptions, RecordProcessorOptions {
  readonly processor?: Partial<RecordProcessor>
  readonly shard?: FakeShard
  readonly reader?: ReturnType<FakeShard['reader']>
  readonly opening?: OpenRecords<Uint8Array>
}

function start({
  processor = {},
  shard = shardOf(),
  reader = shard.reader(),
  opening = shard.open,
  checkpoint,
  ...options
}: Setting = {}) {
  const held = shard.hold()
  const logged: RecordProcessor = {
    initialize: (input) => {
      calls.push('initialize')
      return processor.initialize?.(input)
    },
    processRecords: (input) => {
      calls.push(`process ${input.records.map(nameOf).join(' ')}`)
      return processor.processRecords?.(input)
    },
    shardEnded: (input) => {
      calls.push('shardEnded')
      return processor.shardEnded?.(input)
    },
    shutdownRequested: (input) => {
      calls.push(`shutdownRequested ${input.reason}`)
      return processor.shutdownRequested?.(input)
    },
    leaseLost: () => {
      calls.push('leaseLost')
      return processor.leaseLost?.()
    },
  }
  const consumer = new ShardConsumer({
    held,
    reader,
    open: opening,
    processor: recordProcessorFace(() => logged, { checkpoint }),
    clock,
    random: seededRandom(5),
    options,
    onEvent: (event) => events.push(event),
  })
  return { shard, held, consumer, reader, ended: consumer.run() }
}

const run = ({ ended }: { ended: Promise<ShardConsumerResult> }): Promise<ShardConsumerResult> => runClock(clock, ended)
const kinds = (kind: ShardEvent['kind']): ShardEvent[] => events.filter((event) => event.kind === kind)
const delivered = (): string[] =>
  calls.filter((call) => call.startsWith('process')).flatMap((call) => call.split(' ').slice(1))
const once = (error: Error): (() => void) => {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    throw error
  }
}

describe('a shard consumer', () => {
  it('processes a closed shard to its end, and writes the end without being asked to', async () => {
    const { shard, reader, ...rest } = start()
    expect(await run(rest)).toEqual({ outcome: 'ended' })
    expect(delivered()).toEqual(records.map(nameOf))
    expect([calls[0], calls.at(-1)]).toEqual(['initialize', 'shardEnded'])
    expect(shard.checkpoint.sequenceNumber).toBe('SHARD_END')
    expect(shard.calls).toBe(1)
    expect(shard.bytesDelivered.reduce((a, b) => a + b)).toBe(200)
    expect(reader.isDisposed).toBe(true)
    expect(clock.pendingTimers).toBe(0)
    expect(kinds('state')).toMatchObject([
      { to: 'processing' },
      { to: 'ending' },
      { to: 'ended', shardId: 'shardId-0' },
    ])
  })

  it('reads ahead while the processor is busy, to a bound, and no farther', async () => {
    const gate = deferred<void>()
    const shard = shardOf({ batchMax: 1, records: Array.from({ length: 200 }, (_, index) => record(index)) })
    const run1 = start({ shard, processor: { processRecords: () => gate.promise }, prefetch: { batchesMax: 3 } })
    await clockFor(1_000)
    const opened = shard.reads
    await clockFor(60_000)
    // One batch is in hand and three wait; answers without records count for nothing.
    expect(shard.reads).toBe(opened)
    expect(kinds('read').reduce((sum, event) => sum + (event.kind === 'read' ? event.records : 0), 0)).toBe(4)
    run1.held.lose()
    gate.resolve()
    await run(run1)
  })

  it.each([
    ['bytes', { bytesMax: 25 }],
    ['records', { recordsMax: 3 }],
  ])('stops reading ahead by %s', async (_what, prefetch) => {
    const gate = deferred<void>()
    const shard = shardOf({ batchMax: 1 })
    const run1 = start({
      shard,
      processor: { processRecords: () => gate.promise },
      prefetch: { batchesMax: 99, ...prefetch },
    })
    await clockFor(1_000)
    expect(kinds('read').reduce((sum, event) => sum + (event.kind === 'read' ? event.records : 0), 0)).toBe(4)
    run1.held.lose()
    gate.resolve()
    await run(run1)
  })

  it('delivers batches of the size that is asked for', async () => {
    await run(start({ batchRecordsMax: 2, shard: shardOf({ batchMax: 20 }) }))
    expect(Math.max(...calls.map((call) => call.split(' ').length - 1))).toBe(2)
    expect(delivered()).toEqual(records.map(nameOf))
  })

  it('delivers answers without records only to who wants them', async () => {
    const reader = scripted([answerOf([]), answerOf([], true)])
    await run(start({ reader }))
    expect(calls).toEqual(['initialize', 'shardEnded'])
    await run(start({ reader: scripted([answerOf([]), answerOf([], true)]), emptyBatches: true }))
    expect(calls).toContain('process ')
  })

  it('tells the processor of a checkpoint whose second phase was not reached', async () => {
    const shard = shardOf()
    let checkpointer: Checkpointer | undefined
    const first = start({
      shard,
      processor: {
        processRecords: async (input) => {
          checkpointer = input.checkpointer
          await checkpointer.prepareCheckpoint(undefined, Uint8Array.of(7))
          await sleep(clock, 1_000_000)
        },
      },
    })
    await clockFor(100)
    const pending = shard.pending
    expect(pending?.state).toEqual(Uint8Array.of(7))
    let told: unknown
    await run(start({ shard, processor: { initialize: (input) => void (told = input) } }))
    expect(told).toMatchObject({ checkpoint: { sequenceNumber: 'TRIM_HORIZON' }, pending, shardId: 'shardId-0' })
    first.held.lose()
    await run(first)
  })
})

describe('when its lease is lost', () => {
  it('delivers nothing more, refuses checkpoints, and tells the processor when it is done with what is in hand', async () => {
    const gate = deferred<void>()
    let refusal: unknown
    let isTold = false
    const started = start({
      processor: {
        processRecords: async ({ checkpointer, lost }) => {
          await gate.promise
          isTold = lost.aborted
          refusal = await checkpointer.checkpoint().catch((error: unknown) => error)
        },
      },
    })
    await clockFor(100)
    started.held.lose()
    await clockFor(100)
    expect(started.consumer.state).toBe('losing')
    expect(calls).not.toContain('leaseLost')
    gate.resolve()
    const result = await run(started)
    expect(result).toEqual({ outcome: 'lost', error: started.held.lost.reason as LeaseLostError })
    expect(refusal).toBe(started.held.lost.reason)
    expect(isTold).toBe(true)
    expect(calls.slice(2)).toEqual(['leaseLost'])
    expect(started.shard.calls).toBe(0)
  })

  it('does not wait for ever for a processor that hangs', async () => {
    const started = start({ processor: { processRecords: () => new Promise(() => {}) }, finishMs: 500 })
    await clockFor(100)
    started.held.lose()
    const before = clock.monotonic()
    expect(await run(started)).toMatchObject({ outcome: 'lost' })
    expect(clock.monotonic() - before).toBe(500)
    expect(calls).not.toContain('leaseLost')
  })

  it('ends as lost when the store says so first', async () => {
    const shard = shardOf()
    const started = start({ shard, processor: { processRecords: ({ checkpointer }) => checkpointer.checkpoint() } })
    shard.epoch++
    expect(await run(started)).toMatchObject({ outcome: 'lost' })
    expect(calls.slice(-1)).toEqual(['leaseLost'])
  })

  it('before it began: the processor hears nothing', async () => {
    const shard = shardOf()
    const started = start({ shard, processor: { initialize: () => sleep(clock, 100_000) }, finishMs: 10 })
    started.held.lose()
    expect(await run(started)).toMatchObject({ outcome: 'lost' })
    expect(calls).toEqual(['initialize'])
  })
})

describe('when it is asked to stop', () => {
  it('is not clean where the last chance for a checkpoint failed', async () => {
    const shutdownRequested = () => Promise.reject(new Error('No.'))
    const started = start({ processor: { processRecords: () => sleep(clock, 1_000), shutdownRequested } })
    await clockFor(100)
    started.held.askFor('handoff')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'handoff', isClean: false })
  })

  it('finishes what is in hand, gives a last chance for a checkpoint, and delivers nothing more', async () => {
    const started = start({
      processor: {
        processRecords: () => sleep(clock, 1_000),
        shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint(),
      },
    })
    await clockFor(100)
    started.held.askFor('handoff')
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'handoff', isClean: true })
    expect(calls).toHaveLength(3)
    expect(calls[2]).toBe('shutdownRequested handoff')
    expect(nameOf(started.shard.checkpoint)).toBe(delivered().at(-1))
  })

  it('waits a bounded time; whoever comes back later is refused a checkpoint', async () => {
    const gate = deferred<void>()
    let late: Checkpointer | undefined
    const started = start({
      finishMs: 700,
      processor: {
        processRecords: ({ checkpointer }) => {
          late = checkpointer
          return gate.promise
        },
      },
    })
    await clockFor(100)
    started.held.askFor('stop')
    const before = clock.monotonic()
    expect(await run(started)).toEqual({ outcome: 'released', reason: 'stop', isClean: false })
    expect(clock.monotonic() - before).toBe(700)
    await expect(late?.checkpoint()).rejects.toThrow('its shard consumer has come to an end')
  })

  it('does not count a batch that failed, nor try it again', async () => {
    const started = start({
      processor: {
        processRecords: () => {
          throw new Error('No.')
        },
        shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint(),
      },
      failure: { retry: { baseMs: 1_000_000, maxMs: 1_000_000 } },
    })
    await clockFor(10)
    started.held.askFor('stop')
    expect(await run(started)).toMatchObject({ outcome: 'released', isClean: true })
    expect(calls).toHaveLength(3)
    expect(started.shard.calls).toBe(0)
  })

  it('finishes an end that is in hand: nobody has to begin with a finished shard', async () => {
    const started = start({ processor: { shardEnded: () => sleep(clock, 1_000) } })
    await clockFor(500)
    expect(started.consumer.state).toBe('ending')
    started.held.askFor('stop')
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(calls.at(-1)).toBe('shardEnded')
  })

  it('and loses the lease meanwhile, it is lost', async () => {
    const started = start({ processor: { processRecords: () => sleep(clock, 1_000) } })
    await clockFor(100)
    started.held.askFor('stop')
    await clockFor(100)
    started.held.lose()
    expect(await run(started)).toMatchObject({ outcome: 'lost' })
    expect(calls.at(-1)).toBe('leaseLost')
  })
})

describe('what fails', () => {
  it('is delivered again, whole and in order, and told', async () => {
    await run(start({ processor: { processRecords: once(new Error('No.')) } }))
    const [first, second] = calls.slice(1)
    expect(second).toBe(first)
    expect(kinds('failure')).toMatchObject([
      { call: 'process', failures: 1, next: 'retry', first: records[0] && { sequenceNumber: '1000' } },
    ])
  })

  it('is delivered again from behind what was checkpointed of it', async () => {
    const fail = once(new Error('No.'))
    await run(
      start({
        shard: shardOf({ batchMax: 20 }),
        batchRecordsMax: 20,
        processor: {
          processRecords: async ({ records: given, checkpointer }) => {
            if (given.length > 2) await checkpointer.checkpoint(given[1])
            if (given.length > 2) fail()
          },
        },
      }),
    )
    const long = calls.findIndex((call) => call.split(' ').length > 3)
    expect(calls[long + 1]).toBe(`process ${calls[long]?.split(' ').slice(3).join(' ')}`)
  })

  it('before the first records is tried again', async () => {
    await run(start({ processor: { initialize: once(new Error('No.')) } }))
    expect(calls.slice(0, 3)).toEqual(['initialize', 'initialize', expect.stringContaining('process')])
  })

  it('at the end of the shard is tried again, and the end waits for it', async () => {
    const { shard, ...started } = start({ processor: { shardEnded: once(new Error('No.')) } })
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(calls.slice(-2)).toEqual(['shardEnded', 'shardEnded'])
    expect(shard.calls).toBe(1)
  })

  it('alone, where the policy stops: everything before the poison is done and checkpointed, the lease is given up', async () => {
    const { shard, ...started } = start({
      checkpoint: {},
      failure: { retry: { retries: 1 } },
      processor: { processRecords: failAt('1007') },
    })
    const result = await run(started)
    expect(result).toMatchObject({
      outcome: 'failed',
      error: { code: 'processing-failed', cause: { message: 'Poison.' } },
    })
    expect(String(result.outcome === 'failed' && result.error)).toContain(
      'Record 1007/0 of shardId-0 of stream failed 2 times',
    )
    expect(nameOf(shard.checkpoint)).toBe('1006/0')
    expect(calls.at(-1)).toBe('leaseLost')
  })

  it('is skipped where the policy says so: just the one, and counted', async () => {
    const done: string[] = []
    const started = start({
      failure: { retry: { retries: 0 }, poison: 'skip' },
      processor: { processRecords: failAt('1007', done) },
    })
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(done).toEqual(records.map(nameOf).filter((name) => name !== '1007/0'))
    expect(kinds('skipped')).toMatchObject([{ records: 1, first: { sequenceNumber: '1007' } }])
  })

  it('goes to the dead letters, and counts as done when they have it', async () => {
    const letters: string[] = []
    let tries = 0
    const { shard, ...started } = start({
      checkpoint: { everyMs: 1 },
      failure: {
        retry: { retries: 0 },
        poison: async (letter) => {
          await sleep(clock, 100)
          if (tries++ < 2) throw new Error('The sink is not there.')
          expect(Number(shard.checkpoint.sequenceNumber)).toBeLessThan(1_007)
          letters.push(`${nameOf(letter.record)} ${String(letter.error)} ${letter.attempts}`)
        },
      },
      processor: { processRecords: failAt('1007') },
    })
    expect(await run(started)).toEqual({ outcome: 'ended' })
    expect(letters).toEqual(['1007/0 Error: Poison. 1'])
    expect(kinds('dead-letter-failure')).toMatchObject([{ failures: 1 }, { failures: 2 }])
    expect(kinds('dead-lettered')).toMatchObject([{ records: 1 }])
  })

  it('stops the shard when the dead letters refuse it for good', async () => {
    const refused = Object.assign(new Error('Too large.'), { retryable: false })
    const poison = async (): Promise<void> => {
      throw refused
    }
    const started = start({ failure: { retry: { retries: 0 }, poison }, processor: { processRecords: failAt('1007') } })
    expect(await run(started)).toMatchObject({
      outcome: 'failed',
      error: { code: 'dead-letter-refused', cause: refused },
    })
  })

  it('makes no processor without a method for records', async () => {
    const factory = (() => ({})) as unknown as RecordProcessorFactory
    const shard = shardOf()
    const consumer = new ShardConsumer({
      held: shard.hold(),
      reader: shard.reader(),
      open: shard.open,
      processor: recordProcessorFace(factory),
      clock,
      random: seededRandom(5),
      options: { failure: { retry: { retries: 0 } } },
    })
    expect(await runClock(clock, consumer.run())).toMatchObject({ error: { cause: { name: 'TypeError' } } })
    expect(() => recordProcessorFace({ processRecords() {} } as unknown as RecordProcessorFactory)).toThrow(
      'Expected a function that makes a processor, found an object. Write run(() => processor).',
    )
  })

  it('in the opening of records holds up no end', async () => {
    const { shard, held, ended } = start({ opening: () => new Promise(() => {}) })
    await runClock(clock, sleep(clock, 100))
    held.askFor('stop')
    expect(await run({ ended })).toMatchObject({ outcome: 'released', isClean: true })
    expect(shard.calls).toBe(0)
  })

  it('in the store stops the shard where checkpoints are automatic', async () => {
    const shard = shardOf()
    const error = new LeaseStoreError('denied', 'No.')
    const started = start({
      shard,
      checkpoint: { everyRecords: 1 },
      processor: { processRecords: () => sleep(clock, 10) },
    })
    shard.failNext = error
    expect(await run(started)).toEqual({ outcome: 'failed', error })
  })

  it('in the reader stops the shard, when everything before it is processed', async () => {
    const error = new ShardReadError('gone', 'The stream is not there.')
    const started = start({ reader: scripted([answerOf(records.slice(0, 3)), answerOf(records.slice(3, 5)), error]) })
    expect(await run(started)).toEqual({ outcome: 'failed', error })
    expect(delivered()).toHaveLength(5)
  })

  it('makes its processor by the failure policy: again, and in the end not at all', async () => {
    for (const failures of [2, Infinity]) {
      let left = failures
      const shard = shardOf()
      const reader = shard.reader()
      const consumer = new ShardConsumer({
        held: shard.hold(),
        reader,
        open: shard.open,
        processor: recordProcessorFace(() => {
          if (left-- > 0) throw new Error('not made')
          return { processRecords: () => {} }
        }),
        clock,
        random: seededRandom(5),
        options: { failure: { retry: { retries: 3 } } },
        onEvent: (event) => events.push(event),
      })
      const result = await runClock(clock, consumer.run())
      if (failures === 2) expect(result).toEqual({ outcome: 'ended' })
      else expect(result).toMatchObject({ outcome: 'failed', error: { code: 'processing-failed' } })
      expect(reader.isDisposed).toBe(true)
    }
    expect(kinds('failure')[0]).toMatchObject({ call: 'initialize', failures: 1, next: 'retry' })
  })
})

describe('a processor that is slow', () => {
  it('is told once for each call, and goes on', async () => {
    const shard = shardOf({ batchMax: 20, records: records.slice(0, 1) })
    await run(start({ shard, slowMs: 1_000, processor: { processRecords: () => sleep(clock, 5_000) } }))
    expect(kinds('slow')).toMatchObject([{ call: 'process', elapsedMs: 1_000 }])
    expect(calls.at(-1)).toBe('shardEnded')
  })

  it('hangs after the time that is set: the shard is given up', async () => {
    const started = start({ hangMs: 9_000, processor: { processRecords: () => new Promise(() => {}) } })
    expect(await run(started)).toMatchObject({ outcome: 'failed', error: { code: 'processor-hung' } })
    expect(clock.monotonic()).toBe(9_000)
  })

  it('may be a schema whose promises do not settle: what is in hand is finished, and the shard is given up', async () => {
    const shard = shardOf({ batchMax: 20, isClosed: false })
    const inHand = deferred<void>()
    const opening: OpenRecords<Uint8Array> = (batch) => {
      if (kinds('read').every((event) => event.kind === 'read' && event.records === 0)) return []
      return calls.length < 2 ? shard.open(batch) : new Promise(() => {})
    }
    const processRecords = (): Promise<void> => inHand.promise
    const started = start({ shard, opening, hangMs: 9_000, slowMs: 2_000, checkpoint: {}, processor: { processRecords } }) // prettier-ignore
    await clockFor(8_000)
    inHand.resolve()
    expect(await run(started)).toMatchObject({ outcome: 'failed', error: { code: 'schema-hung' } })
    expect(kinds('slow')).toMatchObject([{ call: 'process' }, { call: 'schema', elapsedMs: 2_000 }])
    expect(nameOf(shard.checkpoint)).toBe(delivered().at(-1))
  })
})

describe('automatic checkpoints', () => {
  it('come by time, and none while nothing is done', async () => {
    const shard = shardOf({ isClosed: false })
    const started = start({ shard, checkpoint: { everyMs: 1_000 } })
    await clockFor(10_000)
    expect(nameOf(shard.checkpoint)).toBe(last && nameOf(last))
    expect(shard.calls).toBe(1)
    started.held.lose()
    await run(started)
    expect(clock.pendingTimers).toBe(0)
  })

  it('come by count', async () => {
    const shard = shardOf({ batchMax: 1 })
    await run(start({ shard, checkpoint: { everyRecords: 5, everyMs: 1_000_000 } }))
    expect(shard.calls).toBe(5)
  })

  it('come at the end of the lease', async () => {
    const shard = shardOf({ isClosed: false })
    const started = start({ shard, checkpoint: { everyMs: 1_000_000 } })
    await clockFor(10_000)
    started.held.askFor('pause')
    expect(await run(started)).toMatchObject({ outcome: 'released' })
    expect(nameOf(shard.checkpoint)).toBe(last && nameOf(last))
  })
})

it.each([
  [{ batchRecordsMax: 0 }, 'batchRecordsMax, found 0'],
  [{ prefetch: { bytesMax: 1.5 } }, 'bytesMax, found 1.5'],
  [{ hangMs: -1 }, 'hangMs, found -1'],
])('refuses %j', (options, message) => {
  expect(() => start(options)).toThrow(message)
})

function failAt(sequenceNumber: string, done: string[] = []): RecordProcessor['processRecords'] {
  return ({ records: given }: { readonly records: readonly ConsumerRecord[] }) => {
    if (given.some((one) => one.sequenceNumber === sequenceNumber)) throw new Error('Poison.')
    done.push(...given.map(nameOf))
  }
}

function scripted(answers: readonly (ReturnType<typeof answerOf> | Error)[]): ReturnType<FakeShard['reader']> {
  const waiting = [...answers]
  return {
    isDisposed: false,
    async next() {
      const answer = waiting.shift()
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('Nothing is asked behind the end.')
      return answer
    },
    async [Symbol.asyncDispose]() {
      this.isDisposed = true
    },
  }
}

/** Lets so much time pass. */
async function clockFor(ms: number): Promise<void> {
  await runClock(clock, sleep(clock, ms))
}
