import { encodeSequenceNumber } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { type ExtendedSequenceNumber, TRIM_HORIZON } from '../extended-sequence-number.ts'
import { CheckpointExpiry, type ExpiredCheckpoint } from './checkpoint-expiry.ts'

const HOUR_MS = 3_600_000
/** Hours count from when the shard was made. */
const birthS = 1_700_000_000
const at = (hours: number): number => birthS * 1_000 + hours * HOUR_MS
const numberAt = (hours: number): string =>
  encodeSequenceNumber({ birthS, shard: 0, commit: hours * 10, index: 0, timeS: at(hours) / 1_000 })
const placeAt = (hours: number): ExtendedSequenceNumber => ({ sequenceNumber: numberAt(hours), subSequenceNumber: 3 })

const recordAt = (hours: number) => ({
  SequenceNumber: numberAt(hours),
  PartitionKey: 'ada',
  Data: new Uint8Array(),
  ApproximateArrivalTimestamp: at(hours),
})
const answer = (hours: readonly number[], millisBehindLatest = 0) => ({
  records: hours.map(recordAt),
  millisBehindLatest,
  isEnd: false,
  children: [],
})

function told(
  checkpoint: ExtendedSequenceNumber,
  horizonHour: number | undefined,
  ...answers: readonly ReturnType<typeof answer>[]
): ExpiredCheckpoint | undefined {
  const horizonMs = (): number | undefined => (horizonHour === undefined ? undefined : at(horizonHour))
  const expiry = new CheckpointExpiry({ checkpoint, horizonMs })
  const [found, ...more] = answers.map((one) => expiry.see(one)).filter((one) => one !== undefined)
  expect(more).toEqual([])
  return found
}

describe('a checkpoint older than the retention', () => {
  it('has lost records, likely, where the next one came soon behind the horizon', () => {
    const expired = { checkpointAtMs: at(10), horizonMs: at(20), firstAtMs: at(20.5), isLikely: true }
    expect(told(placeAt(10), 20, answer([20.5, 21]), answer([22]))).toEqual(expired)
  })

  it('has lost none, likely, where it was long before the next one came', () => {
    expect(told(placeAt(19), 20, answer([40]))).toMatchObject({ firstAtMs: at(40), isLikely: false })
  })

  it('has lost none that could be told where nothing is left', () => {
    expect(told(placeAt(10), 20, answer([]))).toMatchObject({ firstAtMs: undefined, isLikely: false })
  })

  it('is told of when the first record comes, behind answers that are neither records nor the tip', () => {
    expect(told(placeAt(10), 20, answer([], 5_000), answer([20.5]))).toMatchObject({ isLikely: true })
  })

  it.each<[string, ExtendedSequenceNumber, number | undefined, ReturnType<typeof answer>]>([
    ['its record is still there', placeAt(10), 20, answer([10, 21])],
    ['it is not as old', placeAt(20), 20, answer([21])],
    ['it is no record', TRIM_HORIZON, 20, answer([21])],
    ['its number tells no time', { sequenceNumber: '7', subSequenceNumber: 0 }, 20, answer([21])],
    ['the retention is not known', placeAt(10), undefined, answer([21])],
  ])('is not told of where %s', (_, checkpoint, horizonHour, first) => {
    expect(told(checkpoint, horizonHour, first)).toBeUndefined()
  })
})
