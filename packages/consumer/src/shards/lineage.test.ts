import type { Shard } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { AT_TIMESTAMP, SHARD_END, TRIM_HORIZON } from '../extended-sequence-number.ts'
import { newLeaseOf } from '../leases/lease-store.contract.ts'
import type { Lease } from '../leases/lease.ts'
import { disposableLeases, type InitialPosition, keySpaceHoles, missingLeases } from './lineage.ts'

const stream = { stream: 'orders', createdAtSecond: 1_700_000_000 }

function shard(ShardId: string, parents: readonly string[] = [], isOpen = true): Shard {
  const [ParentShardId, AdjacentParentShardId] = parents
  return {
    ShardId,
    HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' },
    ...(ParentShardId === undefined ? {} : { ParentShardId }),
    ...(AdjacentParentShardId === undefined ? {} : { AdjacentParentShardId }),
    SequenceNumberRange: { StartingSequenceNumber: '1', ...(isOpen ? {} : { EndingSequenceNumber: '2' }) },
  }
}

function leases(...all: readonly (readonly [string, Partial<Lease>?])[]): Map<string, Lease> {
  return new Map(
    all.map(([shardId, more]) => {
      const lease: Lease = { ...newLeaseOf(shardId), version: 1, ...more }
      return [lease.key, lease]
    }),
  )
}

const missing = (shards: readonly Shard[], there: Map<string, Lease>, initial: InitialPosition) =>
  missingLeases(stream, shards, there, initial)
    .map(({ shardId, checkpoint }) => `${shardId} ${checkpoint.sequenceNumber}`)
    .sort()

/** 0 was split into 1 and 2; 2 and 3 were merged into 4. */
const family = [
  shard('0', [], false),
  shard('1', ['0']),
  shard('2', ['0'], false),
  shard('3', [], false),
  shard('4', ['2', '3']),
]

describe('leases that are missing', () => {
  it('are all, parents too, where an application begins with the oldest', () => {
    expect(missing(family, new Map(), 'oldest')).toEqual(['0', '1', '2', '3', '4'].map((id) => `${id} TRIM_HORIZON`))
  })

  it('are those of the open shards where it begins with the latest', () => {
    expect(missing(family, new Map(), 'latest')).toEqual(['1 LATEST', '4 LATEST'])
  })

  it('carry the time where it begins at one', () => {
    const made = missingLeases(stream, family, new Map(), { timeMs: 123 })
    expect(made.map(({ checkpoint, startTimeMs }) => [checkpoint.sequenceNumber, startTimeMs])).toEqual(
      family.map(() => ['AT_TIMESTAMP', 123]),
    )
  })

  it('are from the start next to known ones, also where it began with the latest', () => {
    const there = leases(['0', { checkpoint: SHARD_END }], ['3', { checkpoint: SHARD_END }], ['1'])
    expect(missing(family, there, 'latest')).toEqual(['2 TRIM_HORIZON', '4 TRIM_HORIZON'])
  })

  it('are none where every open shard has one, whatever became of its ancestors', () => {
    expect(missing(family, leases(['1'], ['4']), 'oldest')).toEqual([])
  })

  it('reach back to the nearest that is known', () => {
    const line = [shard('0', [], false), shard('1', ['0'], false), shard('2', ['1'], false), shard('3', ['2'])]
    expect(missing(line, leases(['1']), 'latest')).toEqual(['2 TRIM_HORIZON', '3 TRIM_HORIZON'])
  })

  it('are from the start next to known ones, also where applications without leases begin at a time', () => {
    const there = leases(['0', { checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 } }], ['3', { checkpoint: SHARD_END }], ['1']) // prettier-ignore
    expect(missing(family, there, { timeMs: 123 })).toEqual(['2 TRIM_HORIZON', '4 TRIM_HORIZON'])
  })

  it('are at the time at which all that is known still stands', () => {
    const at = (startTimeMs?: number): Partial<Lease> => ({ checkpoint: AT_TIMESTAMP, startTimeMs })
    const begins = (there: Map<string, Lease>, initial: InitialPosition) =>
      missingLeases(stream, family, there, initial).map(({ shardId, startTimeMs }) => [shardId, startTimeMs])
    expect(begins(leases(['2', at(50)], ['3', at(40)], ['1']), { timeMs: 123 })).toEqual([['4', 40]])
    expect(begins(leases(['2', at()], ['3', at(200)], ['1']), { timeMs: 123 })).toEqual([['4', 123]])
    expect(missing(family, leases(['2', at(50)], ['3'], ['1']), { timeMs: 123 })).toEqual(['4 TRIM_HORIZON'])
  })

  it.each<[InitialPosition]>([['latest'], ['oldest'], [{ timeMs: 123 }]])(
    'are from the start where the line to what is known is too old to be listed, by %s',
    (initial) => {
      const there = leases(['0', { checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 } }])
      expect(missing([shard('2', ['1']), shard('3', ['1'])], there, initial)).toEqual([
        '2 TRIM_HORIZON',
        '3 TRIM_HORIZON',
      ])
    },
  )

  it('are at the initial position where all that is known is listed, and beside it', () => {
    const shards = [shard('1', ['0']), shard('2', ['0']), shard('3')]
    expect(missing(shards, leases(['1']), 'latest')).toEqual(['2 LATEST', '3 LATEST'])
  })
})

describe('leases that are done with', () => {
  const begun = { checkpoint: { sequenceNumber: '5', subSequenceNumber: 0 } }
  const ended = { checkpoint: SHARD_END, children: ['1', '2'] }
  const listed = ['p', '0', '1', '2'].map((id) => shard(id))

  it('go when their children have begun', () => {
    const ids = (there: Map<string, Lease>) => disposableLeases(there, stream, listed).map(({ shardId }) => shardId)
    expect(ids(leases(['0', ended], ['1', begun], ['2', { checkpoint: TRIM_HORIZON }]))).toEqual([])
    expect(ids(leases(['0', ended], ['1', begun]))).toEqual([])
    expect(ids(leases(['0', ended], ['1', begun], ['2', begun]))).toEqual(['0'])
  })

  it('stay as long as a parent’s is there', () => {
    const there = leases(['p', { checkpoint: SHARD_END, children: ['0'] }], ['0', { ...ended, parents: ['p'] }], ['1', begun], ['2', begun]) // prettier-ignore
    expect(disposableLeases(there, stream, listed).map(({ shardId }) => shardId)).toEqual(['p'])
  })
})

describe('leases that are done with, of shards too old to be listed', () => {
  const listed = [shard('1'), shard('2')]
  const ended = { checkpoint: SHARD_END }

  it('go with or without children, and make way for those behind them', () => {
    const there = leases(['p', ended], ['0', { ...ended, parents: ['p'], children: ['1', '2'] }], ['1'], ['2'])
    expect(disposableLeases(there, stream, listed).map(({ key }) => there.delete(key))).toEqual([true])
    expect(disposableLeases(there, stream, listed).map(({ shardId }) => shardId)).toEqual(['0'])
  })

  it('stay when they have not ended', () => {
    expect(disposableLeases(leases(['p'], ['1'], ['2', ended]), stream, listed)).toEqual([])
  })
})

describe('holes of the key space', () => {
  const max = 2n ** 128n - 1n
  const of = (starting: bigint, ending: bigint, more: Partial<Lease> = {}): Lease => ({
    ...newLeaseOf('s'),
    version: 1,
    hashKeyRange: { starting: String(starting), ending: String(ending) },
    ...more,
  })

  it('are found at both ends and between', () => {
    expect(keySpaceHoles([of(0n, max)])).toEqual([])
    expect(keySpaceHoles([])).toEqual([{ starting: 0n, ending: max }])
    expect(keySpaceHoles([of(10n, 19n), of(30n, max - 1n)])).toEqual([
      { starting: 0n, ending: 9n },
      { starting: 20n, ending: 29n },
      { starting: max, ending: max },
    ])
  })

  it('are not looked for while a lease does not tell its range', () => {
    expect(keySpaceHoles([of(10n, max), of(0n, 0n, { hashKeyRange: undefined })])).toEqual([])
    expect(keySpaceHoles([of(1n, max), of(0n, 0n, { hashKeyRange: undefined, checkpoint: SHARD_END })])).toHaveLength(1)
  })

  it('are hidden by overlaps, not by what has ended', () => {
    expect(keySpaceHoles([of(0n, max), of(5n, 9n)])).toEqual([])
    expect(keySpaceHoles([of(0n, 9n, { checkpoint: SHARD_END }), of(10n, max)])).toEqual([{ starting: 0n, ending: 9n }])
  })
})
