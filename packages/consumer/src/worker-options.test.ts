import type { KinesisClient } from '@millrace/client'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { MemoryLeases } from './leases/memory-lease-store.ts'
import { ServiceLeaseStore } from './leases/service-lease-store.ts'
import type { StreamService } from './service.ts'
import { leasesOf, resolveWorkerOptions, type WorkerOptions } from './worker-options.ts'

const ORDERS = 'arn:aws:kinesis:eu-west-1:111122223333:stream/orders'
const needed = {
  client: {} as StreamService,
  application: 'billing',
  stream: 'orders',
  leases: new MemoryLeases(new VirtualClock()).open(),
}

describe("a worker's options", () => {
  it('have defaults', () => {
    const defaults = {
      balance: 'count',
      capacity: 1,
      leasesMax: Infinity,
      failoverMs: 4_000,
      initialPosition: 'oldest',
    }
    expect(resolveWorkerOptions({ ...needed, capacity: undefined })).toMatchObject(defaults)
    expect(resolveWorkerOptions({ ...needed, leasesMax: 3, balance: 'load' })).toMatchObject({
      leasesMax: 3,
      balance: 'load',
    })
  })

  it.each([
    [{ leasesMax: NaN }, RangeError, 'leasesMax to be a whole number from 1 on, found NaN'],
    [{ leasesMax: 0 }, RangeError, 'leasesMax'],
    [{ capacity: -1 }, RangeError, 'capacity to be from 0.001 to 1000, found -1'],
    [{ capacity: NaN }, RangeError, 'capacity'],
    [{ shardSyncMs: 0 }, RangeError, 'shardSyncMs'],
    [{ handoverMs: NaN }, RangeError, 'handoverMs'],
    [{ failoverMs: 300_001 }, RangeError, 'failoverMs to be from 500 to 300000, found 300001'],
    [{ beatMs: 2_000 }, RangeError, 'at most a third of failoverMs (4000), found 2000'],
    [{ balance: 'x' }, RangeError, "balance to be 'count' or 'load', found x"],
    [{ initialPosition: 'newest' }, RangeError, 'found newest'],
    [{ initialPosition: { timeMs: NaN } }, RangeError, 'found NaN'],
    [{ workerId: 'x'.repeat(129) }, RangeError, 'workerId'],
    [{ application: '' }, RangeError, 'application'],
    [{ application: undefined }, TypeError, 'application to be a text, found undefined'],
    [{ stream: [] }, RangeError, 'stream'],
    [
      { stream: ORDERS.replace(':stream', '') },
      RangeError,
      'stream to be a name, or an ARN of a stream such as arn:aws:',
    ],
    [
      { stream: ORDERS.replace('kinesis', 'sqs') },
      RangeError,
      'found arn:aws:sqs:eu-west-1:111122223333:stream/orders.',
    ],
    [{ stream: `${ORDERS}/consumer/c:1` }, RangeError, 'an ARN of a stream'],
    [
      { stream: ['orders', ORDERS], client: { region: 'us-east-1' } },
      RangeError,
      'stream to be of us-east-1, the region',
    ],
    [{ stream: ORDERS.replace('aws', 'aws-cn') }, RangeError, `stream to be ${ORDERS}, by its region`],
    [{ stream: undefined }, TypeError, 'stream to be a name, several, or a function that gives them, found undefined'],
    [{ client: undefined }, TypeError, 'client to be an object, found undefined'],
    [{ batchRecordsMax: 0 }, RangeError, 'batchRecordsMax'],
    [{ finishMs: Infinity }, RangeError, 'at most 2147483647, for finishMs, found Infinity'],
    [{ slowMs: 0 }, RangeError, 'slowMs'],
    [{ leaseMax: 4 }, TypeError, 'a worker to have options that there are, found leaseMax. Did you mean leasesMax?'],
    [{ failOverMs: 5_000 }, TypeError, 'Did you mean failoverMs?'],
    [
      { failure: { posion: 'skip' } },
      TypeError,
      'failure to have options that there are, found posion. Did you mean poison?',
    ],
    [{ failure: { retry: { max: 3 } } }, TypeError, 'found max'],
    [{ failure: 'skip' }, TypeError, "failure to be an object, found 'skip'"],
    [{ failure: { poison: 'dead-letter' } }, TypeError, "a dead-letter sink, found 'dead-letter'. deadLetterStream({"],
    [{ failure: { bisect: 'no' } }, TypeError, 'bisect'],
    [{ prefetch: { bytes: 7 } }, TypeError, 'Did you mean bytesMax?'],
    [{ schema: 42 }, TypeError, 'schema to have a method parse, found 42. Wrap a function: { parse:'],
    [{ schema: (value: unknown) => value }, TypeError, 'schema to have a method parse, found a function'],
    [{ retrieval: 'polling' }, TypeError, "retrieval to be polling() or fanOut(), found 'polling'"],
    [{ onEvent: 3 }, TypeError, 'onEvent'],
    [{ logger: { info() {} } }, TypeError, 'logger to have a method debug, found an object'],
  ])('are refused where they are no choice: %o', (wrong, kind, text) => {
    const resolve = () => resolveWorkerOptions({ ...needed, ...wrong } as WorkerOptions)
    expect(resolve).toThrow(kind)
    expect(resolve).toThrow(text)
  })

  it('keep the leases in the service where no store is named, if the client can', () => {
    const client = { send: async () => ({}) } as unknown as WorkerOptions['client']
    expect(leasesOf({ ...needed, client, leases: undefined })).toMatchObject({ application: 'billing' })
    expect(() => leasesOf({ ...needed, leases: undefined })).toThrow(
      'Expected leases to be an object, found undefined.',
    )
  })

  it('are refused where the leases are another application’s', () => {
    const leases = new ServiceLeaseStore({ client: {} as KinesisClient, application: 'biling' })
    expect(() => leasesOf({ ...needed, leases })).toThrow(
      'Expected leases to be those of application billing, found those of biling.',
    )
  })
})
