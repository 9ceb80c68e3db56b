import {
  CreateStream,
  DescribeStreamSummary,
  type DescribeStreamSummaryOutput,
  type KinesisError,
  ListStreams,
  PutRecord,
  PutRecords,
  type PutRecordsOutput,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import type { Engine } from '../engine/engine.ts'
import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { createHostPolicy } from '../http/host-policy.ts'
import type { OperationContext } from '../operations/operation.ts'
import { Service, type ServiceSettings } from '../service.ts'
import { metaWith } from '../testing/meta-with.ts'
import { ACCOUNT, bytesOf, idle, REGION } from '../testing/service-harness.ts'
import type { FaultyService } from './faulty-service.ts'
import { ServerTestKit, type TestKitOptions } from './test-kit.ts'

/** A kit on a service without sockets, beside a machine whose time stands still. */
class Bench implements AsyncDisposable {
  readonly machine = new VirtualClock()
  readonly kit: ServerTestKit
  #requests = 0
  #service: Service | undefined
  #faulty: FaultyService | undefined

  constructor(options: TestKitOptions) {
    this.kit = new ServerTestKit(options, this.machine)
  }

  static async open(
    options: TestKitOptions = {},
    settings: ServiceSettings = {},
    wrap: (engine: Engine) => Engine = (engine) => engine,
  ): Promise<Bench> {
    const bench = new Bench(options)
    const open = async (): Promise<void> => {
      const engine = wrap(createMemoryEngine({ clock: bench.kit.time }))
      bench.#service = await Service.open({
        engine,
        clock: bench.kit.time,
        random: seededRandom(1),
        options: { shardLimits: 'off', ...settings },
      })
    }
    await open()
    bench.#faulty = bench.kit.serve({ service: () => bench.service, open, close: () => bench.service.close() })
    return bench
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error('opened by open()')
    return this.#service
  }

  get faulty(): FaultyService {
    if (this.#faulty === undefined) throw new Error('opened by open()')
    return this.#faulty
  }

  /**
   * Past the gate, as a request from the front door, which takes until `decoded` for it. The answer, or the error as
   * `Type: message`.
   */
  async call(operation: { readonly name: string }, input: unknown, decoded?: Promise<void>): Promise<unknown> {
    const requestId = `request-${this.#requests++}`
    const context: OperationContext = {
      account: ACCOUNT,
      region: REGION,
      requestId,
      deadlineMs: this.kit.time.monotonic() + 20_000,
      signal: new AbortController().signal,
    }
    let answer: unknown
    const front = this.kit.front(
      async () => {
        await decoded
        answer = await this.faulty.execute(operation.name, input, context).catch(textOf)
        return { status: 200, headers: {}, body: [] }
      },
      this.faulty,
      createHostPolicy({ allowedHosts: undefined, corsOrigins: [] }),
    )
    await front({ id: requestId, method: 'POST', url: '/', headers: {}, body: bytesOf(''), signal: context.signal })
    return answer
  }

  put(key: string): Promise<unknown> {
    return this.call(PutRecord, { StreamName: 'orders', PartitionKey: key, Data: bytesOf(key) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kit.close()
    await this.service.close()
  }
}

/** Each change of a document takes as many turns of the event loop as a hundred of a quick one. */
function slowMetadata(engine: Engine): Engine {
  const { meta } = engine
  return {
    ...engine,
    meta: metaWith(meta, {
      async cas(changes, options) {
        for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
        return meta.cas(changes, options)
      },
    }),
  }
}

function textOf({ type, message }: KinesisError): string {
  return message === '' ? type : `${type}: ${message}`
}

const THROTTLED = `ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream orders under account ${ACCOUNT}.`

describe('ServerTestKit', () => {
  it('lets what falls due finish, however long it takes', async () => {
    await using bench = await Bench.open({}, { statusDelayMs: 1_000 }, slowMetadata)
    await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
    const status = async (): Promise<string> => {
      const answer = (await bench.call(DescribeStreamSummary, { StreamName: 'orders' })) as DescribeStreamSummaryOutput
      return answer.StreamDescriptionSummary.StreamStatus
    }
    expect(await status()).toBe('CREATING')
    await bench.kit.clock.advance('1100ms')
    expect(await status()).toBe('ACTIVE')
  })

  it('strikes the same records after a reset as before it', async () => {
    await using bench = await Bench.open({ seed: 7, faults: [{ kind: 'fail-records', probability: 0.5 }] })
    const round = async (): Promise<string> => {
      await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
      const Records = Array.from({ length: 30 }, (_, i) => ({ PartitionKey: `k${i}`, Data: bytesOf('x') }))
      const { Records: results } = (await bench.call(PutRecords, { StreamName: 'orders', Records })) as PutRecordsOutput
      return results.map(({ ErrorCode }) => (ErrorCode === undefined ? '.' : 'x')).join('')
    }
    const first = await round()
    expect(first).toMatch(/x.*\..*x/)
    await bench.kit.reset()
    expect(await round()).toBe(first)
  })

  it('faults of PutRecords that strike all leave nothing to store, and say so of each', async () => {
    await using bench = await Bench.open({ faults: [{ operation: 'PutRecords', kind: 'throttle' }] })
    await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
    const Records = ['a', 'b'].map((PartitionKey) => ({ PartitionKey, Data: bytesOf('x') }))
    const [, message] = THROTTLED.split(': ')
    const failed = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: message }
    expect(await bench.call(PutRecords, { StreamName: 'orders', Records })).toEqual({
      FailedRecordCount: 2,
      Records: [failed, failed],
    })
  })

  it('what a fault cannot concern is answered by the operation', async () => {
    await using bench = await Bench.open({ faults: [{ kind: 'throttle', operation: ['PutRecord', 'PutRecords'] }] })
    expect(await bench.put('a')).toBe(`ResourceNotFoundException: Stream orders under account ${ACCOUNT} not found.`)
    expect(bench.kit.faults.list()[0]?.hits).toBe(0)
    await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
    expect(await bench.put('a')).toBe(THROTTLED)
  })

  it('delays add up, and a fault behind them strikes when they are over', async () => {
    await using bench = await Bench.open({
      faults: [
        { kind: 'delay', for: '2s', operation: 'PutRecord' },
        { kind: 'delay', for: '3s', operation: 'PutRecord' },
        { kind: 'throttle', operation: 'PutRecord' },
      ],
    })
    await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
    let answer: unknown
    void bench.put('a').then((value) => (answer = value))
    await bench.kit.clock.advance('4s')
    await idle()
    expect(answer).toBeUndefined()
    await bench.kit.clock.advance('1s')
    await idle()
    expect(answer).toBe(THROTTLED)
  })

  it('a reset gives up what is held back: it does not come to the next test', async () => {
    await using bench = await Bench.open()
    await bench.call(CreateStream, { StreamName: 'orders', ShardCount: 1 })
    bench.kit.faults.add({ kind: 'delay', for: '10s' })
    const held = bench.put('a')
    await bench.kit.reset()
    expect(await held).toBe('InternalFailure')
    expect(await bench.call(ListStreams, {})).toMatchObject({ StreamNames: [] })
  })

  it('a reset gives up what has come in before it, and is held back only then', async () => {
    await using bench = await Bench.open({ faults: [{ kind: 'delay', for: '10s', operation: 'ListStreams' }] })
    const decoded = deferred<void>()
    const held = bench.call(ListStreams, {}, decoded.promise)
    await idle()
    const reset = bench.kit.reset()
    await idle()
    decoded.resolve()
    await reset
    await idle()
    expect(await Promise.race([held, 'is held back still'])).toBe('InternalFailure')
  })

  it('moves time and resets one after the other, in the order of the calls', async () => {
    await using bench = await Bench.open()
    const startMs = bench.kit.clock.now()
    await Promise.all([bench.kit.clock.advance('1h'), bench.kit.reset(), bench.kit.clock.advance('5m')])
    expect(bench.kit.clock.now() - startMs).toBe(5 * 60_000)
  })

  it('a long move lets in who waits every five seconds of the machine', async () => {
    await using bench = await Bench.open()
    const startMs = bench.kit.clock.now()
    const seen: string[] = []
    // Its hours cost the machine six seconds each.
    const hour = (): void => {
      bench.machine.advance(6_000)
      bench.kit.time.setTimer(3_600_000, hour)
    }
    bench.kit.time.setTimer(3_600_000, hour)
    const moved = bench.kit.clock.advance('4h').then(() => seen.push('moved'))
    await idle()
    for (const name of ['first', 'second']) await bench.call(ListStreams, {}).then(() => seen.push(name))
    await moved
    expect(seen).toEqual(['first', 'second', 'moved'])
    expect(bench.kit.clock.now() - startMs).toBeGreaterThanOrEqual(4 * 3_600_000)
  })

  it('a long move ends with the kit', async () => {
    const bench = await Bench.open()
    bench.kit.time.setTimer(1_000, () => bench.machine.advance(6_000))
    const moved = expect(bench.kit.clock.advance('400d')).rejects.toThrow('the server is closed: start another')
    await idle()
    await bench[Symbol.asyncDispose]()
    await moved
  })

  it('does nothing after it was closed, and says so', async () => {
    const bench = await Bench.open()
    await bench[Symbol.asyncDispose]()
    await expect(bench.kit.reset()).rejects.toThrow('the server is closed: start another')
    await expect(bench.kit.clock.advance(1)).rejects.toThrow('the server is closed: start another')
  })

  it.each<readonly [unknown, string]>([
    ['24x', 'advance: expected milliseconds from 0 to 34560000000, or a text like 24h, 90s or 1h30m, found "24x"'],
    [-1, 'found -1'],
    ['401d', 'found "401d"'],
    [Number.NaN, 'found null'],
  ])('advances by no %j', async (by, message) => {
    await using bench = await Bench.open()
    await expect(bench.kit.clock.advance(by as string)).rejects.toThrow(message)
  })

  it('takes whole numbers as seeds', () => {
    expect(() => new ServerTestKit({ seed: 0.5 }, new VirtualClock())).toThrow(
      'seed: expected a whole number, found 0.5',
    )
  })
})
