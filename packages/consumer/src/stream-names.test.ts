import { describe, expect, it } from 'vitest'
import { leaseKey, parseLeaseKey } from './leases/lease-key.ts'
import { streamInput, StreamNames } from './stream-names.ts'
import { ofStreams } from './testing/worker-bench.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { serviceError } from './testing/service-errors.ts'
import type { StreamService } from './service.ts'
import { VirtualClock } from '@millrace/std/testing'

const HOME = '000000000000'
const OTHER = '111122223333'
const never = new AbortController().signal
const clock = new VirtualClock()
const arnOf = (account: string, name = 'orders') => `arn:aws:kinesis:us-east-1:${account}:stream/${name}`

/** What describes streams, and how often it was asked. */
function asked(service: StreamService) {
  const inputs: unknown[] = []
  const describeStreamSummary: StreamService['describeStreamSummary'] = (input) => {
    inputs.push(input)
    return service.describeStreamSummary(input)
  }
  return { inputs, service: { describeStreamSummary, region: 'us-east-1' } }
}

const both = ofStreams(
  new SimulatedStream('orders', 1, clock, { account: HOME }),
  new SimulatedStream('orders', 1, clock, { account: OTHER }),
)

describe('StreamNames', () => {
  it('calls a stream of the client’s account as leases have called it before, and one of another with its account', async () => {
    const { service, inputs } = asked(both)
    const names = new StreamNames({ service })
    expect(await names.find('orders', never)).toBe('orders')
    expect(inputs).toEqual([])
    expect(await names.find(arnOf(OTHER), never)).toBe(`${OTHER}:orders`)
    expect(await names.find(arnOf(HOME), never)).toBe('orders')
    // What the first told of the client's account holds for the second.
    expect(inputs).toEqual([{ StreamARN: arnOf(OTHER) }, { StreamName: 'orders' }])
    expect(names.inputOf('orders')).toEqual({ StreamARN: arnOf(HOME) })
    expect(names.inputOf(`${OTHER}:orders`)).toEqual({ StreamARN: arnOf(OTHER) })
    expect(names.inputOf('bills')).toEqual({ StreamName: 'bills' })
  })

  it('calls a stream by its ARN until there is one', async () => {
    const { service, inputs } = asked(both)
    const names = new StreamNames({ service })
    expect(await names.find(arnOf(OTHER, 'bills'), never)).toBe(arnOf(OTHER, 'bills'))
    expect(names.streamOf(arnOf(OTHER, 'bills'))).toBe(arnOf(OTHER, 'bills'))
    expect(names.inputOf(arnOf(OTHER, 'bills'))).toEqual({ StreamARN: arnOf(OTHER, 'bills') })
    expect(inputs).toHaveLength(1)
  })

  it.each([
    ['is none', 'ResourceNotFoundException'],
    ['is none that the client may see', 'AccessDeniedException'],
  ])('takes a stream for another account’s where of the name there %s in the client’s own', async (_, type) => {
    const describeStreamSummary: StreamService['describeStreamSummary'] = (input) =>
      input.StreamName === undefined ? both.describeStreamSummary(input) : Promise.reject(serviceError(type))
    const names = new StreamNames({ service: { describeStreamSummary } })
    expect(await names.find(arnOf(OTHER), never)).toBe(`${OTHER}:orders`)
  })

  it('decides nothing by an answer that may be another one the next time', async () => {
    let isThrottled = true
    const describeStreamSummary: StreamService['describeStreamSummary'] = (input) =>
      isThrottled && input.StreamName !== undefined ? Promise.reject(serviceError('LimitExceededException')) : both.describeStreamSummary(input) // prettier-ignore
    const names = new StreamNames({ service: { describeStreamSummary } })
    await expect(names.find(arnOf(HOME), never)).rejects.toMatchObject({ type: 'LimitExceededException' })
    isThrottled = false
    expect(await names.find(arnOf(HOME), never)).toBe('orders')
  })

  it('goes by the account that the lease store says', async () => {
    const { service, inputs } = asked(both)
    const names = new StreamNames({ service, account: OTHER })
    expect(await names.find(arnOf(OTHER), never)).toBe('orders')
    expect(await names.find(arnOf(HOME), never)).toBe(`${HOME}:orders`)
    expect(names.inputOf('orders')).toEqual({ StreamARN: arnOf(OTHER) })
    expect(inputs).toEqual([])
  })
})

describe('a stream of another account', () => {
  it('has its account in the keys of leases', () => {
    const parts = { stream: `${OTHER}:orders`, createdAtSecond: 1_700_000_000, shardId: 'shardId-000000000000' }
    expect(leaseKey(parts)).toBe(`${OTHER}:orders:1700000000:shardId-000000000000`)
    expect(parseLeaseKey(leaseKey(parts))).toEqual(parts)
    // Twelve digits are a name, too.
    const digits = { ...parts, stream: OTHER }
    expect(parseLeaseKey(leaseKey(digits))).toEqual(digits)
  })

  it('is called by an ARN of the client’s region', () => {
    expect(streamInput(`${OTHER}:orders`, 'us-east-1')).toEqual({ StreamARN: arnOf(OTHER) })
    expect(streamInput('orders', undefined)).toEqual({ StreamName: 'orders' })
    expect(() => streamInput(`${OTHER}:orders`, undefined)).toThrow('Expected a client that tells its region')
  })
})
