import { getEventListeners } from 'node:events'
import { sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { LeaseLostError } from '../leases/held-lease.ts'
import { ShardConsumer, type ShardConsumerResult } from '../shards/shard-consumer.ts'
import type { ShardEvent } from '../shards/shard-event.ts'
import { type FakeHeld, FakeShard, nameOf, record } from '../testing/fake-shard.ts'
import { BatchChannel } from './batch-channel.ts'
import { type Batch, batchesFace, type BatchesOptions } from './batches-face.ts'

const records = Array.from({ length: 12 }, (_, index) => record(index))
let clock: VirtualClock
let shards: FakeShard[]
let held: FakeHeld[]
let events: ShardEvent[]
let ended: Promise<ShardConsumerResult>[]
let channel: BatchChannel<Uint8Array>
let abort: AbortController

beforeEach(() => {
  clock = new VirtualClock()
  abort = new AbortController()
  events = []
})

/** A worker that holds so many shards, and stops when the loop does. */
function open(count: number, options: BatchesOptions = {}): void {
  channel = new BatchChannel({
    signal: abort.signal,
    onClose: async () => {
      held.forEach((one) => one.askFor('stop'))
      await Promise.all(ended)
    },
  })
  shards = Array.from(
    { length: count },
    (_, seed) => new FakeShard({ clock, random: seededRandom(seed), records, isClosed: true, batchMax: 3 }),
  )
  held = shards.map((shard) => shard.hold())
  ended = shards.map((shard, index) => {
    const consumer = new ShardConsumer({
      held: held[index] ?? shard.hold(),
      reader: shard.reader(),
      open: shard.open,
      processor: batchesFace(channel, options),
      clock,
      random: seededRandom(9),
      options: { failure: { retry: { retries: 1 } } },
      onEvent: (event) => events.push(event),
    })
    return consumer.run()
  })
  void Promise.all(ended).then(() => channel.end())
}

async function loop(body: (batch: Batch) => unknown): Promise<void> {
  const run = async (): Promise<void> => {
    for await (const batch of channel) if ((await body(batch)) === 'break') break
  }
  await runClock(clock, run())
}

const outcomes = async (): Promise<string[]> => (await Promise.all(ended)).map(({ outcome }) => outcome)

describe('batches', () => {
  it('come from all shards by turns, each shard’s in order, and end with the shards', async () => {
    open(3)
    const seen: string[] = []
    await loop(async ({ records: given, checkpoint }) => {
      seen.push(...given.map(nameOf))
      await checkpoint()
    })
    expect(seen.toSorted()).toEqual(records.flatMap((one) => [nameOf(one), nameOf(one), nameOf(one)]).toSorted())
    // By turns: no shard is through before the others have begun.
    expect(seen.slice(0, records.length).filter((name) => name === '1000/0')).toHaveLength(3)
    expect(shards.map(({ checkpoint }) => checkpoint.sequenceNumber)).toEqual(Array(3).fill('SHARD_END'))
    expect(await outcomes()).toEqual(Array(3).fill('ended'))
    expect(clock.pendingTimers).toBe(0)
  })

  it('come at the loop’s pace: the readers wait for it', async () => {
    open(2)
    let reads: number[] = []
    await loop(async (batch) => {
      await sleep(clock, 1_000)
      reads = shards.map((shard) => shard.reads)
      await sleep(clock, 100_000)
      expect(shards.map((shard) => shard.reads)).toEqual(reads)
      await batch.checkpoint()
    })
  })

  it('that the loop did not acknowledge come to an end with a batch that says so', async () => {
    open(1)
    const kinds: boolean[] = []
    await loop(async (batch) => {
      kinds.push(batch.isShardEnd)
      expect(batch.records.length > 0).toBe(!batch.isShardEnd)
      if (batch.isShardEnd) {
        expect(shards[0]?.calls).toBe(0)
        await batch.checkpoint()
      }
    })
    expect(kinds.indexOf(true)).toBe(kinds.length - 1)
    expect(await outcomes()).toEqual(['ended'])
  })

  it('may be acknowledged later, out of order', async () => {
    open(1)
    const taken: Batch[] = []
    await loop(async (batch) => {
      if (batch.isShardEnd) for (const one of taken.toReversed()) await one.checkpoint()
      else taken.push(batch)
    })
    expect(await outcomes()).toEqual(['ended'])
    expect(shards[0]?.violations).toEqual([])
  })

  it('that failed come again, by the policy', async () => {
    open(1)
    const seen: string[] = []
    let failed: string[] | undefined
    await loop(async (batch) => {
      const names = batch.records.map(nameOf)
      if (failed === undefined && names.length > 1) {
        failed = names
        batch.fail(new Error('No.'))
        return
      }
      seen.push(...names)
      await batch.checkpoint()
    })
    expect(seen).toEqual(records.map(nameOf))
    expect(events.filter(({ kind }) => kind === 'failure')).toMatchObject([{ next: 'retry', records: failed?.length }])
  })

  it('that failed are not acknowledged, also by a checkpoint that does not wait for anything', async () => {
    for (const isLater of [false, true]) {
      open(1)
      const refusals: unknown[] = []
      let failed: Batch | undefined
      await loop(async (batch) => {
        if (failed === undefined && batch.records.length > 0) {
          failed = batch
          batch.fail(new Error('No.'))
          if (isLater) await sleep(clock, 1)
          for (const upTo of [undefined, batch.records[0]])
            refusals.push(await batch.checkpoint(upTo).catch((error: unknown) => error))
          expect(shards[0]?.calls).toBe(0)
          return
        }
        await batch.checkpoint()
      })
      expect(refusals.map(String)).toEqual(Array(2).fill(expect.stringMatching(/^RangeError: .* that did not fail/)))
    }
  })

  it('of a lease that is lost are marked, and their checkpoints reject', async () => {
    open(1)
    let refusal: unknown
    await loop(async (batch) => {
      expect(batch.lost.aborted).toBe(false)
      held[0]?.lose()
      expect(batch.lost.aborted).toBe(true)
      refusal = await batch.checkpoint().catch((error: unknown) => error)
    })
    expect(refusal).toBeInstanceOf(LeaseLostError)
    expect(await outcomes()).toEqual(['lost'])
  })

  it('taken in the moment in which the lease is asked for are in hand: they can be checkpointed', async () => {
    open(1)
    const batches = channel[Symbol.asyncIterator]()
    // One is on offer by then.
    await runClock(clock, sleep(clock, 1))
    const taken = batches.next()
    held[0]?.askFor('handoff')
    const { value: batch } = await runClock(clock, taken)
    await runClock(clock, batch?.checkpoint() ?? Promise.reject(new Error('none was taken')))
    expect(shards[0]?.checkpoint).toMatchObject({ sequenceNumber: batch?.records.at(-1)?.sequenceNumber })
    await runClock(clock, batches.return?.() ?? Promise.reject(new Error('it cannot be left')))
    expect(await outcomes()).toEqual(['released'])
  })

  it('checkpoint a record among them', async () => {
    open(1)
    await loop(async (batch) => {
      if (batch.records.length < 2) return undefined
      await batch.checkpoint(batch.records[0])
      expect(nameOf(shards[0]?.checkpoint ?? record(0))).toBe(nameOf(batch.records[0] ?? record(0)))
      await expect(batch.checkpoint(record(99))).rejects.toThrow(RangeError)
      return 'break'
    })
  })
})

describe('a loop that ends', () => {
  it('by break stops the worker; the batch in hand is not done with, and nobody failed', async () => {
    open(2)
    await loop(() => 'break')
    expect(await outcomes()).toEqual(['released', 'released'])
    expect(shards.map(({ calls }) => calls)).toEqual([0, 0])
    expect(events.filter(({ kind }) => kind === 'failure' || kind === 'processed')).toEqual([])
    expect(clock.monotonic()).toBeLessThan(1_000)
  })

  it('by an error in its body stops the worker, and throws it', async () => {
    open(1)
    const failing = loop(() => {
      throw new Error('No.')
    })
    await expect(failing).rejects.toThrow('No.')
    expect(await outcomes()).toEqual(['released'])
  })

  it('by the signal finishes the batch in hand, and does not throw', async () => {
    open(2)
    const done: string[] = []
    await loop(async (batch) => {
      abort.abort()
      await sleep(clock, 1_000)
      await batch.checkpoint()
      done.push(nameOf(batch.records.at(-1) ?? record(0)))
    })
    expect(done).toHaveLength(1)
    expect(await outcomes()).toEqual(['released', 'released'])
    expect(shards.map(({ checkpoint }) => nameOf(checkpoint)).filter((name) => name === done[0])).toHaveLength(1)
  })

  it('by a signal that was aborted before never begins', async () => {
    abort.abort()
    held = []
    ended = []
    open(1)
    let batches = 0
    await loop(() => void batches++)
    expect(batches).toBe(0)
  })

  it('because the worker failed throws what it failed with', async () => {
    open(1)
    channel.end({ error: new Error('The worker failed.') })
    await expect(loop(() => {})).rejects.toThrow('The worker failed.')
  })
})

it('a batch counts as done with when the loop comes back, where checkpoints are automatic', async () => {
  open(2, { checkpoint: { everyRecords: 1 } })
  await loop(() => {})
  expect(await outcomes()).toEqual(['ended', 'ended'])
  expect(shards[0]?.calls).toBeGreaterThan(1)
})

it('leaves no listener behind at the signal', async () => {
  open(1)
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
  await loop((batch) => batch.checkpoint())
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
})

describe('a last chance for a checkpoint', () => {
  it('comes when the worker stops: what the loop came back from is not repeated', async () => {
    const chances: string[] = []
    open(1, {
      shutdownRequested: async ({ shardId, reason, checkpointer }) => {
        chances.push(`${shardId} ${reason}`)
        await checkpointer.checkpoint()
      },
    })
    const seen: string[] = []
    await loop(({ records: given }) => {
      seen.push(...given.map(nameOf))
      if (seen.length > 4) held[0]?.askFor('handoff')
    })
    expect(chances).toEqual(['shardId-0 handoff'])
    expect(nameOf(shards[0]?.checkpoint ?? record(0))).toBe(seen.at(-1))
    expect(await outcomes()).toEqual(['released'])
  })

  it('does not count the batch that the loop left', async () => {
    open(1, { shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint() })
    const done: string[] = []
    await loop(({ records: given }) => {
      if (done.length > 4) return 'break'
      done.push(...given.map(nameOf))
      return undefined
    })
    expect(nameOf(shards[0]?.checkpoint ?? record(0))).toBe(done.at(-1))
  })

  it('refuses what is no function', () => {
    expect(() => batchesFace(channel, { shutdownRequested: 1 } as unknown as BatchesOptions)).toThrow(TypeError)
  })
})
