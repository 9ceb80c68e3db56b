import { encodeSequenceNumber } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { AT_TIMESTAMP, type ExtendedSequenceNumber, LATEST, TRIM_HORIZON } from '../extended-sequence-number.ts'
import { leaseKey } from '../leases/lease-key.ts'
import { type RetentionGap, RetentionGaps } from './retention-gap.ts'

const HOUR_MS = 3_600_000
/** Hours count from when the stream was made. */
const createdAtSecond = 1_700_000_000
const at = (hours: number): number => createdAtSecond * 1_000 + hours * HOUR_MS
const secondAt = (hours: number): number => at(hours) / 1_000
const key = leaseKey({ stream: 'orders', createdAtSecond, shardId: 'shardId-000000000000' })

/** `bornHour`: of the shard. */
const numberAt = (hours: number, bornHour = 0): string =>
  encodeSequenceNumber({ birthS: secondAt(bornHour), shard: 0, commit: hours * 10, index: 0, timeS: secondAt(hours) })
const placeAt = (hours: number): ExtendedSequenceNumber => ({ sequenceNumber: numberAt(hours), subSequenceNumber: 3 })
const leaseAt = (checkpoint: ExtendedSequenceNumber, startHour?: number) => ({
  key,
  checkpoint,
  ...(startHour === undefined ? {} : { startTimeMs: at(startHour) }),
})

interface Answer {
  /** When it comes. */
  readonly hour: number
  /** When its records came. */
  readonly records?: readonly number[]
  readonly isAtTip?: boolean
  readonly bornHour?: number
}

/** Of a stream that keeps records for a day. */
function told(lease: ReturnType<typeof leaseAt>, answers: readonly Answer[]): readonly RetentionGap[] {
  let nowMs = 0
  const gaps = new RetentionGaps({ lease, now: () => nowMs, retentionMs: () => 24 * HOUR_MS })
  return answers.flatMap(({ hour, records = [], isAtTip = true, bornHour = 0 }) => {
    nowMs = at(hour)
    const found = gaps.see({
      records: records.map((one) => ({
        SequenceNumber: numberAt(one, bornHour),
        PartitionKey: 'ada',
        Data: new Uint8Array(),
        ApproximateArrivalTimestamp: at(one),
      })),
      millisBehindLatest: isAtTip ? 0 : 5_000,
      isEnd: false,
      children: [],
    })
    return found === undefined ? [] : [found]
  })
}

describe('a shard that is begun behind the retention', () => {
  it('has lost records, likely, where the next one came soon behind the horizon', () => {
    expect(
      told(leaseAt(placeAt(10)), [
        { hour: 44, records: [20.5, 21] },
        { hour: 44.1, records: [44.1] },
      ]),
    ).toEqual([{ readToMs: at(10), horizonMs: at(20), firstAtMs: at(20.5), isLikely: true }])
  })

  it.each([
    ['it was as long before the next one came', 219, 222],
    ['the next one came just now, as in a shard to which one comes a week', 80, 244],
  ])('has lost none, likely, where %s', (_, checkpointHour, firstHour) => {
    expect(told(leaseAt(placeAt(checkpointHour)), [{ hour: 244, records: [firstHour] }])).toMatchObject([
      { firstAtMs: at(firstHour), isLikely: false },
    ])
  })

  it('has lost what nobody can tell where nothing is left', () => {
    expect(told(leaseAt(placeAt(10)), [{ hour: 44 }, { hour: 45 }])).toEqual([
      { readToMs: at(10), horizonMs: at(20), firstAtMs: undefined, isLikely: undefined },
    ])
  })

  it('is told of when the first record comes, behind answers that are neither records nor the tip', () => {
    const answers = [{ hour: 44, isAtTip: false }, { hour: 44, records: [20.5], isAtTip: false }] // prettier-ignore
    expect(told(leaseAt(placeAt(10)), answers)).toMatchObject([{ isLikely: true }])
  })

  it.each([
    ['LATEST', LATEST],
    ['AT_TIMESTAMP', AT_TIMESTAMP],
  ])('is told of at %s, by the time that this is', (_, checkpoint) => {
    expect(told(leaseAt(checkpoint, 10), [{ hour: 44, records: [20.5] }])).toMatchObject([
      { readToMs: at(10), isLikely: true },
    ])
    expect(told(leaseAt(checkpoint), [{ hour: 44, records: [20.5] }])).toEqual([])
  })

  it('has lost nothing from before its stream or itself was made', () => {
    expect(told(leaseAt(AT_TIMESTAMP, -1_000), [{ hour: 1 }])).toEqual([])
    expect(told(leaseAt(AT_TIMESTAMP, 1), [{ hour: 44, records: [20.5], bornHour: 20.2 }])).toEqual([])
  })

  it.each<[string, ExtendedSequenceNumber, number]>([
    ['its record is still there', placeAt(10), 10],
    ['the next one is, too, though it is older than the retention', placeAt(10), 11],
    ['it is not as old', placeAt(20), 21],
    ['it is the beginning', TRIM_HORIZON, 21],
    ['its number tells no time', { sequenceNumber: '7', subSequenceNumber: 0 }, 21],
  ])('is not told of where of the checkpoint %s', (_, checkpoint, firstHour) => {
    expect(told(leaseAt(checkpoint), [{ hour: 44, records: [firstHour] }])).toEqual([])
  })

  it('is not told of where the retention is not known', () => {
    const gaps = new RetentionGaps({ lease: leaseAt(placeAt(10)), now: () => at(44), retentionMs: () => undefined })
    expect(gaps.see({ records: [], millisBehindLatest: 0, isEnd: false, children: [] })).toBeUndefined()
  })
})

describe('a shard that is being read', () => {
  it('has lost records, likely, where its processor held it up for longer than the retention', () => {
    const behind = [
      { hour: 10, records: [9.5, 10], isAtTip: false },
      { hour: 44, records: [20.2, 20.4], isAtTip: false },
      { hour: 44.1, records: [20.6], isAtTip: false },
    ]
    expect(told(leaseAt(TRIM_HORIZON), behind)).toEqual([
      { readToMs: at(10), horizonMs: at(20), firstAtMs: at(20.2), isLikely: true },
    ])
  })

  it('has lost nothing while it is read to its tip, however seldom records come', () => {
    const atTip = [1, 20, 40, 60, 80].map((hour) => ({ hour }))
    expect(told(leaseAt(placeAt(0.5)), [...atTip, { hour: 100, records: [100] }])).toEqual([])
  })

  it('is told of once for each time', () => {
    const held = [{ hour: 10 }, { hour: 44, records: [20.2] }, { hour: 100, records: [76.1] }, { hour: 100.1 }]
    expect(told(leaseAt(placeAt(9)), held).map(({ readToMs }) => readToMs)).toEqual([at(10), at(44)])
  })
})
