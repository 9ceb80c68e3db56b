import { describe, expect, it } from 'vitest'
import { leaseKey, parseLeaseKey } from './leases/lease-key.ts'
import { streamInput, StreamNames } from './stream-names.ts'

const HOME = '000000000000'
const OTHER = '111122223333'
const arnOf = (account: string, name = 'orders') => `arn:aws:kinesis:us-east-1:${account}:stream/${name}`

describe('StreamNames', () => {
  it('calls a stream by its name where it was named so, and with its account where by its ARN', () => {
    const names = new StreamNames({ region: 'us-east-1' })
    expect([...names.told(['orders', arnOf(OTHER), arnOf(HOME)])]).toEqual(['orders', `${OTHER}:orders`, `${HOME}:orders`]) // prettier-ignore
    expect(names.inputOf('orders')).toEqual({ StreamName: 'orders' })
    expect(names.inputOf(`${OTHER}:orders`)).toEqual({ StreamARN: arnOf(OTHER) })
    expect(names.arnOf('orders')).toBeUndefined()
  })

  it('calls those of the account that the lease store is told by their names, however they were named', () => {
    const names = new StreamNames({ account: OTHER })
    expect([...names.told([arnOf(OTHER), arnOf(HOME)])]).toEqual(['orders', `${HOME}:orders`])
    expect(names.inputOf('orders')).toEqual({ StreamARN: arnOf(OTHER) })
    expect([...names.told([arnOf(OTHER), 'orders'])]).toEqual(['orders'])
    expect(names.inputOf('orders')).toEqual({ StreamName: 'orders' })
  })

  it('leaves what names no stream as it is, and throws where that is to be called', () => {
    const names = new StreamNames({ region: 'us-east-1' })
    const elsewhere = arnOf(OTHER).replace('us-east-1', 'us-west-2')
    expect([...names.told([arnOf(OTHER), elsewhere, `${OTHER}:orders`])]).toEqual([`${OTHER}:orders`, elsewhere])
    expect(() => names.inputOf(elsewhere)).toThrow('Expected stream to be of us-east-1, the region of the client')
    expect(names.inputOf(`${OTHER}:orders`)).toEqual({ StreamARN: arnOf(OTHER) })
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
