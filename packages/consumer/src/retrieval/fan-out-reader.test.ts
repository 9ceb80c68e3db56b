import { SUBSCRIPTION_LIFE_MS } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { Reading } from '../testing/reading.ts'
import { ARN } from '../testing/scripted-stream.ts'
import { serviceError } from '../testing/service-errors.ts'
import { fanOut } from './retrieval.ts'

const positions = (reading: Reading): unknown[] =>
  reading.stream.inputsOf('subscribeToShard').map(({ StartingPosition }) => StartingPosition)

describe('FanOutReader', () => {
  it('registers the application as a consumer of the stream where it is not there, and waits for it', async () => {
    const reading = new Reading('fan-out')
    reading.stream.looksUntilActive = 3
    await reading.next()
    expect(reading.stream.inputsOf('registerStreamConsumer')).toEqual([{ StreamARN: ARN, ConsumerName: 'app' }])
    expect(reading.stream.timesOf('describeStreamConsumer')).toHaveLength(5)
    expect(reading.stream.inputsOf('subscribeToShard')[0]?.ConsumerARN).toBe(`${ARN}/consumer/app:1`)
  })

  it('reads as the consumer that it is told, and registers none that is there', async () => {
    const reading = new Reading('fan-out', { open: fanOut({ consumerName: 'other' }) })
    reading.stream.consumers.set('other', 'ACTIVE')
    await reading.next()
    expect(reading.stream.timesOf('registerStreamConsumer')).toEqual([])
    expect(reading.stream.inputsOf('subscribeToShard')[0]?.ConsumerARN).toBe(`${ARN}/consumer/other:1`)
  })

  it('goes by what is there when another worker registered it at the same time', async () => {
    const reading = new Reading('fan-out')
    reading.stream.onCall = (call) => {
      if (call === 'registerStreamConsumer') reading.stream.consumers.set('app', 'ACTIVE')
    }
    await reading.next()
    expect(reading.stream.timesOf('registerStreamConsumer')).toHaveLength(1)
    expect(reading.troubles).toEqual([])
  })

  it('gives up on a consumer that does not come to be', async () => {
    const reading = new Reading('fan-out')
    reading.stream.onCall = (call) => {
      if (call === 'registerStreamConsumer') throw serviceError('LimitExceededException')
    }
    await expect(reading.next()).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringMatching(
        /^Expected the consumer app of s to become ACTIVE, found it missing after 40 looks/,
      ) as string,
    })
  })

  it('registers the consumer anew when somebody deregistered it, and reads on', async () => {
    const reading = new Reading('fan-out')
    const first = reading.stream.put()
    expect(await reading.read(1)).toEqual([first])
    reading.stream.consumers.delete('app')
    reading.stream.endSubscription(serviceError('ResourceNotFoundException'))
    const second = reading.stream.put()
    expect(await reading.read(1)).toEqual([second])
    expect(reading.stream.timesOf('registerStreamConsumer')).toHaveLength(2)
  })

  it('subscribes again after five minutes, from the last continuation, also one of an event without records', async () => {
    const reading = new Reading('fan-out')
    while (reading.clock.monotonic() < 2.5 * SUBSCRIPTION_LIFE_MS) await reading.next()
    expect(positions(reading)).toEqual([
      { Type: 'TRIM_HORIZON' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '100' },
      { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '100' },
    ])
    expect(reading.troubles).toEqual([])
  })

  it('does not subscribe again within five seconds of an event', async () => {
    const reading = new Reading('fan-out')
    for (let i = 0; i < 4; i++) {
      await reading.next()
      reading.stream.endSubscription()
    }
    await reading.next()
    const times = reading.stream.timesOf('subscribeToShard')
    expect(times).toHaveLength(5)
    for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] ?? 0)).toBeGreaterThan(5_000)
  })

  it('takes over from the worker that had the shard before, as soon as the service lets it', async () => {
    const reading = new Reading('fan-out')
    reading.stream.consumers.set('app', 'ACTIVE')
    const before = reading.stream.subscribeToShard({
      ConsumerARN: `${ARN}/consumer/app:1`,
      ShardId: 'shardId-000000000000',
      StartingPosition: { Type: 'TRIM_HORIZON' },
    })
    await before.next()
    const lost = before.next().catch((error: unknown) => error)
    const number = reading.stream.put()
    expect(await reading.read(1)).toEqual([number])
    expect(reading.clock.monotonic()).toBe(5_000)
    expect(reading.troubles).toHaveLength(5)
    expect(await lost).toMatchObject({ value: { Records: [{ SequenceNumber: number }] } })
    await expect(reading.run(before.next())).rejects.toMatchObject({ type: 'ResourceInUseException' })
  })

  it('leaves the shard alone for a while when somebody took over, and looks whether it is the consumer', async () => {
    const reading = new Reading('fan-out')
    await reading.next()
    await reading.pass(20_000)
    reading.stream.endSubscription(serviceError('ResourceInUseException', 'Another active subscription exists'))
    const number = reading.stream.put()
    expect(await reading.read(1)).toEqual([number])
    const wait = reading.clock.monotonic() - 20_000
    expect(wait).toBeGreaterThanOrEqual(5_000)
    expect(wait).toBeLessThan(10_000)
    reading.stream.consumers.set('app', 'CREATING')
    reading.stream.looksUntilActive = 2
    await reading.pass(20_000)
    reading.stream.endSubscription()
    const next = reading.stream.put()
    expect(await reading.read(1)).toEqual([next])
  })

  it('keeps a connection alive while nobody asks: heartbeats are read on', async () => {
    const reading = new Reading('fan-out')
    await reading.next()
    await reading.pass(200_000)
    expect(reading.conditions.at(-1)).toBe('no-demand')
    const number = reading.stream.put()
    expect(await reading.read(1)).toEqual([number])
    expect(reading.stream.timesOf('subscribeToShard')).toHaveLength(1)
  })

  it('reads one event ahead and no more, however long nobody asks', async () => {
    const reading = new Reading('fan-out')
    for (let i = 0; i < 30; i++) reading.stream.put()
    const pushed = (): number => reading.stream.pushedRecords
    expect((await reading.next()).records).toHaveLength(3)
    await reading.pass(100_000)
    expect(pushed()).toBe(6)
    expect(reading.conditions).toEqual(['slow-processor'])
    reading.stream.close()
    expect(await reading.read()).toHaveLength(27)
  })

  it('looks for a stream that is gone twice, and says so', async () => {
    const reading = new Reading('fan-out')
    await reading.next()
    reading.stream.exists = false
    reading.stream.endSubscription(serviceError('ResourceNotFoundException'))
    await expect(reading.read()).rejects.toMatchObject({ code: 'gone' })
  })
})
