import { describe, expect, it } from 'vitest'
import { Reading } from '../testing/reading.ts'
import { serviceError } from '../testing/service-errors.ts'
import { polling } from './retrieval.ts'

/** The most calls within any `ms`. */
function busiest(times: readonly number[], ms: number): number {
  return Math.max(...times.map((at) => times.filter((other) => other >= at && other < at + ms).length))
}

const gaps = (times: readonly number[]): readonly number[] => times.slice(1).map((at, i) => at - (times[i] ?? 0))

describe('PollingReader', () => {
  it('leaves one of the five reads a second to others while there is a backlog', async () => {
    const reading = new Reading('polling')
    for (let i = 0; i < 90; i++) reading.stream.put()
    await reading.read(90)
    const times = reading.stream.timesOf('getRecords')
    expect(times).toHaveLength(30)
    expect(busiest(times, 1_000)).toBeLessThanOrEqual(4)
    expect(times.at(-1)).toBeLessThan(7_500)
  })

  it('waits after an answer beyond the budget until the budget is full again, and is never refused', async () => {
    const reading = new Reading('polling')
    reading.stream.recordsPerAnswer = 10
    for (let i = 0; i < 40; i++) reading.stream.put('large', new Uint8Array(1024 * 1024))
    await reading.read(40)
    expect(reading.troubles).toEqual([])
    expect(gaps(reading.stream.timesOf('getRecords')).map(Math.round)).toEqual([5_000, 5_000, 5_000])
  })

  it('reads as quickly as it can where it is told that there are no limits', async () => {
    const open = polling({ readsPerSecond: Infinity, bytesPerSecond: Infinity, recordsMax: 2 })
    const reading = new Reading('polling', { open })
    for (let i = 0; i < 10; i++) reading.stream.put('large', new Uint8Array(1024))
    await reading.read(10)
    expect(reading.stream.timesOf('getRecords')).toEqual([0, 0, 0, 0, 0])
    expect(reading.stream.inputsOf('getRecords').every(({ Limit }) => Limit === 2)).toBe(true)
  })

  it.each([
    ['here', false, undefined, [250, 500, 1000, 1000]],
    ['on AWS', true, undefined, [1000, 1000, 1000, 1000]],
    ['as it is told', false, { pollIntervalMs: 400, pollIntervalMaxMs: 2_000 }, [400, 800, 1600, 2000, 2000]],
    ['as it is told, if more than the usual maximum', false, { pollIntervalMs: 5_000 }, [5_000, 5_000]],
  ])('asks ever more slowly at the tip, %s', async (_, isAws, options, expected) => {
    const reading = new Reading('polling', { isAws, ...(options === undefined ? {} : { open: polling(options) }) })
    for (let i = 0; i <= expected.length; i++) await reading.next()
    expect(gaps(reading.stream.timesOf('getRecords'))).toEqual(expected)
    reading.stream.put()
    await reading.read(1)
    await reading.next()
    expect(gaps(reading.stream.timesOf('getRecords')).at(-1)).toBe(expected[0])
  })

  it('counts the interval from the last read: a slow processor waits for nothing more', async () => {
    const reading = new Reading('polling', { isAws: true })
    await reading.next()
    await reading.pass(990)
    await reading.next()
    expect(gaps(reading.stream.timesOf('getRecords'))).toEqual([1_000])
  })

  it('backs off with jitter while others use the shard up', async () => {
    const first = (seed: number): Promise<readonly number[]> => {
      const reading = new Reading('polling', { seed })
      reading.stream.put()
      reading.stream.troubles.getRecords = Array.from({ length: 6 }, () =>
        serviceError('ProvisionedThroughputExceededException'),
      )
      return reading.read(1).then(() => reading.stream.timesOf('getRecords'))
    }
    const [one, other] = [await first(1), await first(2)]
    expect(one).toHaveLength(7)
    expect(one).not.toEqual(other)
    for (const gap of [...gaps(one), ...gaps(other)]) expect(gap).toBeLessThanOrEqual(5_000)
  })

  it('renews an iterator that expired behind the last record, without a word', async () => {
    const reading = new Reading('polling')
    const last = reading.stream.put()
    await reading.read(1)
    await reading.pass(301_000)
    const next = reading.stream.put()
    expect(await reading.read(1)).toEqual([next])
    expect(reading.stream.inputsOf('getShardIterator').at(-1)).toMatchObject({
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: last,
    })
    expect(reading.troubles).toEqual([])
  })

  it('renews an iterator that the service does not take, and gives up when the next is not taken either', async () => {
    const reading = new Reading('polling')
    reading.stream.put()
    reading.stream.troubles.getRecords = [serviceError('InvalidArgumentException')]
    expect(await reading.read(1)).toHaveLength(1)
    reading.stream.put()
    // Not for ever: a reader that renews it each time never waits.
    let refusals = 0
    reading.stream.onCall = (call) => {
      if (call === 'getRecords' && refusals++ < 100) throw serviceError('InvalidArgumentException')
    }
    await expect(reading.read(1)).rejects.toMatchObject({ code: 'unreadable' })
  })

  it.each([
    [{ readsPerSecond: 0 }, 'Expected readsPerSecond above 0, found 0.'],
    [{ bytesPerSecond: Number.NaN }, 'Expected bytesPerSecond above 0, found NaN.'],
    [{ pollIntervalMs: -1 }, 'Expected pollIntervalMs from 0 ms on, found -1.'],
    [{ recordsMax: 10_001 }, 'Expected recordsMax from 1 to 10000, found 10001.'],
  ])('refuses %j', (options, message) => {
    expect(() => polling(options)).toThrow(new RangeError(message))
  })
})
