/** What both readers promise. */
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { type Kind, Reading } from '../testing/reading.ts'
import { type Call, SHARD } from '../testing/scripted-stream.ts'
import { brokenConnection as broken, serviceError } from '../testing/service-errors.ts'
import { ShardReadError } from './shard-reader.ts'

describe.each<[Kind, Call, Call]>([
  ['polling', 'getRecords', 'getShardIterator'],
  ['fan-out', 'subscribeToShard', 'subscribeToShard'],
])('%s', (kind, call, opens) => {
  it('gives all records of a shard in order, and at its end the children', async () => {
    const reading = new Reading(kind)
    for (let i = 0; i < 10; i++) reading.stream.put()
    reading.stream.close()
    expect(await reading.read()).toEqual(reading.stream.stored)
    const end = await reading.next()
    expect(end).toMatchObject({ records: [], isEnd: true })
    expect(end.children.map(({ ShardId }) => ShardId)).toEqual(['shardId-000000000001', 'shardId-000000000002'])
    expect(end.children.every(({ ParentShards }) => ParentShards.includes(SHARD))).toBe(true)
    expect(reading.troubles).toEqual([])
  })

  it('gives an answer without records at the tip', async () => {
    expect(await new Reading(kind).next()).toEqual({ records: [], millisBehindLatest: 0, isEnd: false, children: [] })
  })

  it.each([
    ['a time', (at: number) => ({ kind: 'time', timeMs: at }) as const, 2],
    [
      'a record',
      (_: number, number: string) => ({ kind: 'sequence', sequenceNumber: number, isAfter: false }) as const,
      2,
    ],
    [
      'behind a record',
      (_: number, number: string) => ({ kind: 'sequence', sequenceNumber: number, isAfter: true }) as const,
      3,
    ],
  ])('begins at %s', async (_, position, first) => {
    const probe = new Reading(kind)
    const startMs = probe.clock.now()
    const reading = new Reading(kind, { position: position(startMs + 2_000, '103') })
    for (let i = 0; i < 5; i++) {
      reading.stream.put()
      reading.clock.advance(1_000)
    }
    expect(await reading.read(5 - first)).toEqual(reading.stream.stored.slice(first))
  })

  it('at a time, loses nothing that comes after the first answer, whatever happens before the first record', async () => {
    const timeMs = new Reading(kind).clock.now() + 60_000
    const reading = new Reading(kind, { position: { kind: 'time', timeMs } })
    reading.stream.put('before')
    await reading.pass(120_000)
    expect((await reading.next()).records).toEqual([])
    const number = reading.stream.put('after')
    // Iterators are too old by then, and a subscription is over.
    reading.stream.troubles[call] = [broken()]
    reading.stream.endSubscription(broken())
    await reading.pass(400_000)
    expect(await reading.read(1)).toEqual([number])
  })

  it('waits for a time to begin at that has not come', async () => {
    const timeMs = new Reading(kind).clock.now() + 3_000
    const reading = new Reading(kind, { position: { kind: 'time', timeMs } })
    reading.clock.setTimer(2_999, () => reading.stream.put('before'))
    reading.clock.setTimer(3_100, () => reading.stream.put('after'))
    expect(await reading.read(1)).toEqual(['102'])
    expect(reading.stream.timesOf(opens).map(Math.round)).toEqual([3_000])
    expect(reading.troubles).toEqual([])
  })

  it('waits for a time to begin at until the clock of the service has come to it, too', async () => {
    const reading = new Reading(kind, { position: { kind: 'time', timeMs: new Reading(kind).clock.now() + 3_000 } })
    reading.stream.behindMs = 1_000
    reading.clock.setTimer(4_100, () => reading.stream.put())
    expect(await reading.read(1)).toEqual(['101'])
    expect(reading.clock.monotonic()).toBeLessThan(8_000)
    expect(reading.troubles.length).toBeGreaterThan(0)
  })

  it('gives up on a place that is refused and that no clock can be the reason for', async () => {
    const reading = new Reading(kind, { position: { kind: 'time', timeMs: new Reading(kind).clock.now() } })
    await reading.pass(60_001)
    reading.stream.troubles[opens] = [serviceError('InvalidArgumentException')]
    await expect(reading.next()).rejects.toMatchObject({ code: 'unreadable' })
  })

  it('waits troubles out at its place, and tells of them', async () => {
    const reading = new Reading(kind)
    for (let i = 0; i < 9; i++) reading.stream.put()
    reading.stream.close()
    reading.stream.troubles[call] = [
      serviceError('ServiceUnavailable'),
      broken(),
      serviceError('LimitExceededException'),
      serviceError('InternalFailure'),
    ]
    expect(await reading.read()).toEqual(reading.stream.stored)
    expect(reading.troubles).toHaveLength(4)
  })

  it('rejects with the reason of the signal, and goes on at its place when it is asked again', async () => {
    const reading = new Reading(kind)
    const first = reading.stream.put()
    expect(await reading.read(1)).toEqual([first])
    for (let i = 0; i < 20; i++) {
      const stop = new AbortController()
      const asked = reading.reader.next(stop.signal)
      reading.clock.setTimer(i * 20, () => stop.abort(new Error('enough')))
      const outcome = asked.then(
        ({ records }) => records,
        (error: unknown) => error,
      )
      expect([[], new Error('enough')]).toContainEqual(await reading.run(outcome))
    }
    const second = reading.stream.put()
    expect(await reading.read(1)).toEqual([second])
  })

  it.each([
    ['gone', 'ResourceNotFoundException', /is not there any more/],
    ['denied', 'AccessDeniedException', /cannot be read at the start asked for: trying again would not help/],
    ['unreadable', 'InvalidArgumentException', /trying again would not help/],
  ])('says that a shard is %s after %s', async (code, type, message) => {
    const reading = new Reading(kind)
    reading.stream.onCall = (made) => {
      if (made === call) throw serviceError(type)
    }
    const error: unknown = await reading.next().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ShardReadError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it('gives up on a place where the service fails inside again and again, and says where', async () => {
    const reading = new Reading(kind)
    const last = reading.stream.put()
    await reading.read(1)
    reading.stream.put()
    // Not for ever: a reader that goes on asking is found out.
    let failures = 0
    reading.stream.onCall = (made) => {
      if (made === call && failures++ < 100) throw serviceError('InternalFailure')
    }
    reading.stream.endSubscription()
    await expect(reading.read(1)).rejects.toMatchObject({
      code: 'unreadable',
      message: `${SHARD} of s cannot be read after ${last}: the service failed inside, 5 times: InternalFailure`,
    })
  })

  it('finds the children of a shard whose end names none', async () => {
    const reading = new Reading(kind)
    reading.stream.namesChildren = false
    for (let i = 0; i < 4; i++) reading.stream.put()
    reading.stream.close()
    expect(await reading.read()).toEqual(reading.stream.stored)
    expect((await reading.next()).children).toHaveLength(2)
  })

  it('takes an end without children anywhere for none, and asks again', async () => {
    const reading = new Reading(kind)
    reading.stream.namesChildren = false
    reading.stream.listsChildren = false
    reading.stream.put()
    reading.stream.close()
    const looks = (): number => reading.stream.timesOf('listShards').length
    reading.stream.onCall = () => {
      reading.stream.listsChildren = looks() >= 4
    }
    expect(await reading.read()).toEqual(reading.stream.stored)
    expect(looks()).toBe(4)
    expect(reading.troubles).toHaveLength(3)
  })

  it('cuts a dead connection and reads on', async () => {
    const reading = new Reading(kind)
    await reading.next()
    reading.stream.isDead = true
    reading.clock.setTimer(100_000, () => {
      reading.stream.isDead = false
    })
    const asked = reading.read(1)
    await reading.pass(50_000)
    expect(reading.conditions.at(-1)).toBe('dead-connection')
    const number = reading.stream.put()
    expect(await reading.run(asked)).toEqual([number])
    expect(reading.logged.filter((line) => line.startsWith('warn'))).toEqual(['warn reading a shard: dead-connection'])
    // It is heard of again within the silence that is allowed, and the wait for the next call.
    expect(reading.stream.timesOf(call).at(-1)).toBeLessThan(135_000)
  })

  it('lets go of everything when it is disposed of', async () => {
    const reading = new Reading(kind)
    await reading.next()
    await reading.reader[Symbol.asyncDispose]()
    expect(reading.clock.pendingTimers).toBe(0)
  })

  it('gives each record once and in order through any troubles and pauses', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed)
      const reading = new Reading(kind, { seed })
      const { stream, clock } = reading
      const act = (): void => {
        switch (randomBelow(random, 9)) {
          case 0:
            ;(stream.troubles[call] ??= []).push(broken(), serviceError('ServiceUnavailable'))
            break
          case 1:
            stream.endSubscription(random.float() < 0.5 ? broken() : undefined)
            break
          case 2:
            stream.isDead = true
            clock.setTimer(randomBelow(random, 40_000), () => {
              stream.isDead = false
            })
            break
          case 3:
            ;(stream.troubles.getShardIterator ??= []).push(serviceError('ProvisionedThroughputExceededException'))
            break
          default:
            for (let i = randomBelow(random, 6); i >= 0; i--) stream.put()
        }
      }
      for (let at = 0, i = 0; i < 40; i++) {
        at += randomBelow(random, 20_000)
        clock.setTimer(at, i === 39 ? () => stream.close() : act)
      }
      const numbers: string[] = []
      for (let isEnd = false; !isEnd;) {
        const batch = await reading.next()
        numbers.push(...batch.records.map(({ SequenceNumber }) => SequenceNumber))
        isEnd = batch.isEnd
        if (random.float() < 0.1) await reading.pass(randomBelow(random, 400_000))
      }
      expect(numbers, `seed ${seed}`).toEqual(stream.stored)
    }
  })
})
