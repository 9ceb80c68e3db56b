import { deferred } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { noLongerHeld, ShardCheckpointer } from './checkpointer.ts'
import { SHARD_END, TRIM_HORIZON } from './extended-sequence-number.ts'
import { LeaseLostError } from './leases/held-lease.ts'
import { LeaseStoreError } from './leases/lease-store.ts'
import { CHILDREN, type FakeHeld, FakeShard, nameOf, record } from './testing/fake-shard.ts'

let shard: FakeShard
let held: FakeHeld
let checkpointer: ShardCheckpointer
let losses: unknown[]
const stored = (): string => nameOf(shard.checkpoint)

beforeEach(() => {
  shard = new FakeShard({ clock: new VirtualClock(), random: seededRandom(1), records: [], isClosed: true })
  open()
})

function open(): void {
  held = shard.hold()
  losses = []
  checkpointer = new ShardCheckpointer({
    held,
    clock: new VirtualClock(),
    onStored: () => {},
    onLost: (error) => losses.push(error),
  })
}

describe('a checkpoint', () => {
  it('without a place is at the last record that was delivered', async () => {
    checkpointer.deliver(record(5))
    await checkpointer.checkpoint()
    expect(shard.checkpoint).toEqual({ sequenceNumber: '1005', subSequenceNumber: 0 })
  })

  it('of a record inside an aggregated one is at that very record', async () => {
    checkpointer.deliver(record(5, 'k', 3, true))
    await checkpointer.checkpoint(record(5, 'k', 1, true))
    expect(stored()).toBe('1005/1')
  })

  it('at a sequence number alone is behind the whole record, but never behind what was delivered', async () => {
    checkpointer.deliver(record(5, 'k', 3, true))
    await checkpointer.checkpoint({ sequenceNumber: '1004' })
    expect(stored()).toBe(`1004/${Number.MAX_SAFE_INTEGER}`)
    await checkpointer.checkpoint({ sequenceNumber: '1005' })
    expect(stored()).toBe('1005/3')
  })

  it.each([
    [
      'behind what was delivered',
      record(6),
      'Expected a place that was delivered, at most 1005, for a checkpoint of shardId-0 of stream, found 1006.',
    ],
    [
      'before the last one',
      record(3),
      'Expected a place at or behind the last checkpoint, 1004, for a checkpoint of shardId-0 of stream, found 1003.',
    ],
    ['at a word', { sequenceNumber: 'LATEST' }, 'Expected a place that was delivered'],
    [
      'at the end of a shard that is not read to its end',
      { sequenceNumber: 'SHARD_END' },
      'Expected a place that was delivered',
    ],
    ['at what is no number', { sequenceNumber: '10x' }, 'Expected a sequence number in decimal digits'],
    [
      'at a negative sub-sequence number',
      { sequenceNumber: '1005', subSequenceNumber: -1 },
      'Expected a sub-sequence number from 0 on',
    ],
  ])('%s is refused, and nothing is stored', async (_what, place, message) => {
    checkpointer.deliver(record(5))
    await checkpointer.checkpoint(record(4))
    const refusal: unknown = await checkpointer.checkpoint(place).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RangeError)
    expect(String(refusal)).toContain(message)
    expect(stored()).toBe('1004/0')
    expect(shard.calls).toBe(1)
  })

  it('does not pass over a batch that failed', async () => {
    checkpointer.deliver(record(5))
    checkpointer.deliver(record(9))
    checkpointer.withdrawTo(record(5))
    await checkpointer.checkpoint()
    expect(stored()).toBe('1005/0')
  })

  it('keeps what the processor checkpointed of a batch that failed', async () => {
    checkpointer.deliver(record(9))
    await checkpointer.checkpoint(record(7))
    checkpointer.withdrawTo(TRIM_HORIZON)
    expect(nameOf(checkpointer.delivered)).toBe('1007/0')
  })

  it('that changes nothing costs no call', async () => {
    await checkpointer.checkpoint()
    expect(shard.calls).toBe(0)
    checkpointer.deliver(record(5))
    await checkpointer.checkpoint()
    await checkpointer.checkpoint(record(5))
    expect(shard.calls).toBe(1)
  })

  it('is refused when the lease is gone', async () => {
    checkpointer.deliver(record(5))
    checkpointer.close(noLongerHeld(held.lease, 'it was handed over'))
    await expect(checkpointer.checkpoint()).rejects.toThrow(LeaseLostError)
    await expect(checkpointer.prepareCheckpoint()).rejects.toThrow('it was handed over')
    expect(shard.calls).toBe(0)
  })

  it('that the store refuses because the lease is another’s tells of it', async () => {
    checkpointer.deliver(record(5))
    shard.hold()
    await expect(checkpointer.checkpoint()).rejects.toThrow(LeaseLostError)
    expect(losses).toHaveLength(1)
  })
})

describe('checkpoints at the same time', () => {
  it('are one call under way and one that waits, with the newest place', async () => {
    const gate = deferred<void>()
    shard.delay = () => gate.promise
    const all: Promise<void>[] = []
    for (let sequence = 1; sequence <= 100; sequence++) {
      checkpointer.deliver(record(sequence))
      all.push(checkpointer.checkpoint())
    }
    gate.resolve()
    await Promise.all(all)
    expect(stored()).toBe('1100/0')
    expect(shard.calls).toBe(2)
    expect(shard.violations).toEqual([])
  })

  it('go on when one fails', async () => {
    shard.failNext = new LeaseStoreError('denied', 'No.')
    checkpointer.deliver(record(5))
    const first = checkpointer.checkpoint()
    checkpointer.deliver(record(6))
    const second = checkpointer.checkpoint()
    await expect(first).rejects.toThrow('No.')
    await second
    expect(stored()).toBe('1006/0')
  })

  it('that failed may be made again, and do not stand in the way of earlier ones', async () => {
    checkpointer.deliver(record(5))
    shard.failNext = new LeaseStoreError('denied', 'No.')
    await expect(checkpointer.checkpoint()).rejects.toThrow('No.')
    await checkpointer.checkpoint(record(4))
    await checkpointer.checkpoint(record(5))
    expect(stored()).toBe('1005/0')
  })

  it('out of order are refused beyond what was delivered, and what failed', async () => {
    checkpointer.deliver(record(9))
    checkpointer.withdrawTo(record(5))
    await expect(checkpointer.advance(record(9))).rejects.toThrow('Expected a place that was delivered, at most 1005')
    await checkpointer.advance(record(5))
    expect(stored()).toBe('1005/0')
  })

  it('out of order: one that lies before the last has nothing to do but to wait for it', async () => {
    checkpointer.deliver(record(9))
    const later = checkpointer.advance(record(8))
    const earlier = checkpointer.advance(record(3)).then(() => stored())
    expect(await earlier).toBe('1008/0')
    await later
    expect(shard.calls).toBe(1)
  })
})

describe('a checkpoint of two phases', () => {
  it('stands as pending, and becomes the checkpoint', async () => {
    checkpointer.deliver(record(5))
    const prepared = await checkpointer.prepareCheckpoint(record(4), Uint8Array.of(1, 2))
    expect(shard.checkpoint).toEqual(TRIM_HORIZON)
    expect(shard.pending).toEqual({
      checkpoint: { sequenceNumber: '1004', subSequenceNumber: 0 },
      state: Uint8Array.of(1, 2),
    })
    await prepared.checkpoint()
    expect(stored()).toBe('1004/0')
    expect(shard.pending).toBeUndefined()
  })

  it('takes the state as it was handed in', async () => {
    const state = Uint8Array.of(1)
    const prepared = checkpointer.prepareCheckpoint(undefined, state)
    state[0] = 9
    await prepared
    expect(shard.pending?.state).toEqual(Uint8Array.of(1))
  })

  it('refuses a state above 8 KiB', async () => {
    await checkpointer.prepareCheckpoint(undefined, new Uint8Array(8_192))
    const refusal = checkpointer.prepareCheckpoint(undefined, new Uint8Array(8_193))
    await expect(refusal).rejects.toThrow('Expected a state of at most 8192 bytes')
  })

  it('of an owner before is taken away by the next checkpoint, even at the same place', async () => {
    checkpointer.deliver(record(5))
    await checkpointer.checkpoint()
    await checkpointer.prepareCheckpoint()
    open()
    await checkpointer.checkpoint()
    expect(shard.pending).toBeUndefined()
  })
})

describe('at the end of a shard', () => {
  beforeEach(async () => {
    checkpointer.deliver(record(5))
    await checkpointer.checkpoint()
    checkpointer.reachEnd(CHILDREN)
  })

  it.each([
    ['without a place', undefined],
    ['at the last record, although that was checkpointed before', record(5)],
    ['at SHARD_END', { sequenceNumber: 'SHARD_END' }],
  ])('a checkpoint %s writes the end', async (_what, place) => {
    await checkpointer.checkpoint(place)
    expect(shard.checkpoint).toEqual(SHARD_END)
    await checkpointer.checkpoint()
    expect(shard.calls).toBe(2)
  })

  it('one in two phases is pending at the end', async () => {
    const prepared = await checkpointer.prepareCheckpoint()
    expect(shard.pending?.checkpoint).toEqual(SHARD_END)
    expect(stored()).toBe('1005/0')
    await prepared.checkpoint()
    expect(shard.checkpoint).toEqual(SHARD_END)
  })

  it('progress alone does not write it', async () => {
    await checkpointer.advance(record(5))
    expect(stored()).toBe('1005/0')
  })
})

describe('what the failure policy disposed of', () => {
  it('is covered by a checkpoint of all before it, by whatever name, and by no other', async () => {
    checkpointer.deliver(record(5))
    checkpointer.passOver(record(6))
    checkpointer.passOver(record(7))
    checkpointer.deliver(record(9))
    await checkpointer.checkpoint(record(4))
    expect(stored()).toBe('1004/0')
    await checkpointer.checkpoint(record(5))
    expect(stored()).toBe('1007/0')
    await checkpointer.checkpoint(record(5))
    await checkpointer.advance(record(5))
    expect([stored(), shard.calls]).toEqual(['1007/0', 2])
  })

  it('is checkpointed by itself where all before it is, and keeps a checkpoint of two phases', async () => {
    checkpointer.passOver(record(1))
    await checkpointer.checkpointDisposed()
    expect(stored()).toBe('1001/0')
    checkpointer.deliver(record(5))
    checkpointer.passOver(record(6))
    await checkpointer.checkpointDisposed()
    expect(stored()).toBe('1001/0')
    await checkpointer.checkpoint(record(5))
    checkpointer.deliver(record(8))
    await checkpointer.prepareCheckpoint(record(8))
    checkpointer.passOver(record(9))
    await checkpointer.checkpointDisposed()
    expect([stored(), shard.pending?.checkpoint.sequenceNumber]).toEqual(['1006/0', '1008'])
  })

  it('leaves nothing to acknowledge at the end of the shard', async () => {
    checkpointer.deliver(record(1))
    await checkpointer.checkpoint()
    checkpointer.passOver(record(2))
    expect(checkpointer.isAcknowledged).toBe(true)
    checkpointer.reachEnd(CHILDREN)
    await checkpointer.checkpoint(record(1))
    expect(shard.checkpoint).toEqual(SHARD_END)
  })
})
