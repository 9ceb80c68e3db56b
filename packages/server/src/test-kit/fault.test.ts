import { describe, expect, it } from 'vitest'

import { readFault } from './fault.ts'
import { FaultList } from './fault-list.ts'

describe('readFault', () => {
  it('takes a fault of every kind with all that it may have', () => {
    const place = { operation: ['PutRecord', 'PutRecords'], stream: 'orders', shard: 'shardId-000000000001' }
    const read = readFault({ ...place, kind: 'throttle', skip: 2, times: 3, probability: 0.5 })
    expect(read).toMatchObject({ shard: 'shardId-000000000001', skip: 2, times: 3, probability: 0.5 })
    expect(read.operations).toEqual(new Set(['PutRecord', 'PutRecords']))
    expect(readFault({ kind: 'delay', for: '2s' }).delayMs).toBe(2_000)
    expect(readFault({ kind: 'delay', for: 5 }).delayMs).toBe(5)
    expect(readFault({ kind: 'internal-failure', applied: true })).toMatchObject({ times: Infinity, probability: 1 })
    expect(readFault({ kind: 'error', type: 'LimitExceededException', message: 'no' }).operations).toBeUndefined()
  })

  it('knows the one operation that a kind is about, and shards however they are written', () => {
    expect(readFault({ kind: 'cut' }).operations).toEqual(new Set(['SubscribeToShard']))
    expect(readFault({ kind: 'expire-iterator' }).operations).toEqual(new Set(['GetRecords']))
    expect(readFault({ kind: 'fail-records', shard: 'shardId-1' })).toMatchObject({ shard: 'shardId-000000000001' })
  })

  it.each<readonly [unknown, string]>([
    [undefined, 'a fault: expected an object, found nothing'],
    [[], 'a fault: expected an object, found []'],
    [{}, 'kind: expected throttle, internal-failure, error, delay, fail-records, expire-iterator, cut, found nothing'],
    [{ kind: 'throtle' }, 'found "throtle"; did you mean throttle?'],
    [{ kind: 'throttle', time: 3 }, "a fault of kind throttle has no 'time'; did you mean times?"],
    [{ kind: 'throttle', applied: true }, "a fault of kind throttle has no 'applied'; it has kind, operation"],
    [{ kind: 'throttle', operation: 'PutRecrods' }, 'found "PutRecrods"; did you mean PutRecords?'],
    [{ kind: 'throttle', operation: [] }, 'operation: expected at least one, found []'],
    [{ kind: 'cut', operation: 'PutRecord' }, 'operation: expected SubscribeToShard, found "PutRecord"'],
    [{ kind: 'throttle', shard: 'first' }, 'shard: expected an id like shardId-000000000000, found "first"'],
    [{ kind: 'throttle', operation: 'ListStreams', shard: 'shardId-0' }, 'shard: ListStreams is about no shard'],
    [{ kind: 'throttle', stream: '' }, 'stream: expected a text, found ""'],
    [{ kind: 'throttle', times: 0 }, 'times: expected a whole number from 1 to 1000000000, found 0'],
    [{ kind: 'throttle', skip: 1.5 }, 'skip: expected a whole number from 0'],
    [{ kind: 'throttle', probability: 0 }, 'probability: expected a number above 0 and at most 1, found 0'],
    [{ kind: 'delay' }, 'for: expected milliseconds from 1 to 19000, or a text like 24h, 90s or 1h30m, found nothing'],
    [{ kind: 'delay', for: '20s' }, 'for: expected milliseconds from 1 to 19000'],
    [{ kind: 'delay', for: 'long' }, 'found "long"'],
    [
      { kind: 'error', type: 'Oops' },
      'type: expected an error of the service, like LimitExceededException, found "Oops"',
    ],
    [{ kind: 'error' }, 'type: expected a text, found nothing'],
    [{ kind: 'error', type: 'ServiceUnavailable', message: 1 }, 'message: expected a text, found 1'],
    [{ kind: 'internal-failure', applied: 'yes' }, 'applied: expected true or false, found "yes"'],
    [{ kind: 'fail-records', code: 'x' }, 'code: expected ProvisionedThroughputExceededException, InternalFailure'],
  ])('of %j says what was expected', (value, message) => {
    expect(() => readFault(value)).toThrow(message)
    expect(() => readFault(value)).toThrow(expect.objectContaining({ name: 'TestKitError' }))
  })
})

describe('FaultList', () => {
  /** What the first fault strikes of forty requests that a second one, if there is one, sees too. */
  const struck = (seed: number, others: 0 | 1 = 0): string => {
    const faults = new FaultList(seed)
    for (let i = 0; i <= others; i++) faults.add({ kind: 'throttle', probability: 0.5 })
    return Array.from({ length: 40 }, () => [...faults.active].map((fault) => (fault.strikes() ? 'x' : '.'))[0]).join(
      '',
    )
  }

  it('strikes the same of the same seed, and others of another', () => {
    expect(struck(1)).toBe(struck(1))
    expect(struck(1)).not.toBe(struck(2))
    expect(struck(1, 1)).toBe(struck(1))
    const hits = struck(1).replaceAll('.', '').length
    expect(hits).toBeGreaterThan(10)
    expect(hits).toBeLessThan(30)
  })

  it('lets pass what is skipped, then strikes as often as was said', () => {
    const faults = new FaultList(1)
    const added = faults.add({ kind: 'throttle', skip: 1, times: 2 })
    const [fault] = faults.active
    expect([1, 2, 3, 4].map(() => fault?.strikes())).toEqual([false, true, true, false])
    expect(added.hits).toBe(2)
  })

  it('a handle from before a reset removes nothing of after it', () => {
    const faults = new FaultList(1)
    const old = faults.add({ kind: 'cut' })
    faults.reset()
    const young = faults.add({ kind: 'cut' })
    old.remove()
    expect(faults.list()).toEqual([young])
    young[Symbol.dispose]()
    expect(faults.list()).toEqual([])
    expect(faults.remove(young.id)).toBe(false)
  })

  it('does not follow what becomes of the object that was added', () => {
    const faults = new FaultList(1)
    const given = { kind: 'throttle' as const, stream: 'orders' }
    faults.add(given)
    given.stream = 'other'
    expect(faults.list()[0]?.fault).toEqual({ kind: 'throttle', stream: 'orders' })
  })

  it('holds a thousand', () => {
    const faults = new FaultList(1)
    for (let i = 0; i < 1_000; i++) faults.add({ kind: 'cut' })
    expect(() => faults.add({ kind: 'cut' })).toThrow('faults: expected at most 1000 at once; remove some, or reset')
  })
})
