import {
  CreateLeases,
  DescribeApplication,
  type ServiceLease,
  type ServiceNewLease,
  UpdateLeases,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { describe, expect, it, vi } from 'vitest'

import { newLease as lease, newLeases as leases } from '../testing/new-leases.ts'
import { idle, ServiceHarness } from '../testing/service-harness.ts'

const ApplicationName = 'orders'
const Checkpoint = { SequenceNumber: '1', SubSequenceNumber: 0 }
const State = new Uint8Array(8_192)

const large = (from: number, count: number): ServiceNewLease[] =>
  leases(from, count).map((each) => ({ ...each, Pending: { Checkpoint, State } }))

describe('the leases of an account', () => {
  it('have no more bytes than they may when many are written at once', async () => {
    await using harness = await ServiceHarness.open()
    const all = await Promise.all(
      Array.from({ length: 80 }, (_, i) =>
        harness.fault(CreateLeases, { ApplicationName, Leases: large(100 * i, 100) }),
      ),
    )
    const refused = all.filter((fault) => fault !== 'no error')
    expect(new Set(refused.map((fault) => fault.split(':', 1)[0]))).toEqual(new Set(['LimitExceededException']))
    // One lease is stored in some 11.3 kB.
    expect(80 - refused.length).toBeGreaterThan(50)
    expect(80 - refused.length).toBeLessThan(60)
  })

  it('are bounded in bytes, and a refused change waits for the others of its request', async () => {
    await using harness = await ServiceHarness.open()
    const refused = async (): Promise<string> => {
      for (let i = 0; ; i += 100) {
        const fault = await harness.fault(CreateLeases, { ApplicationName, Leases: large(i, 100) })
        if (fault !== 'no error') return fault
      }
    }
    expect(await refused()).toBe(
      'LimitExceededException: This request would exceed the limit on bytes of leases for the account 123456789012 in ' +
        'us-east-1. Limit: 67108864.',
    )
    const bare = async (number: number): Promise<string> =>
      harness.fault(CreateLeases, { ApplicationName, Leases: leases(number, 1) })
    for (let number = 10_000; (await bare(number)) === 'no error';) number++
    // A refusal waits for the rest of its request: nothing goes on with an input whose memory may be used again.
    const { meta } = harness.memory
    const cas = meta.cas.bind(meta)
    const isFast = deferred<void>()
    vi.spyOn(meta, 'cas').mockImplementation((...args) => isFast.promise.then(() => cas(...args)))
    const larger = { Pending: { Checkpoint, State } }
    const key = (number: number): string => lease(number).LeaseKey
    let isSettled = false
    const mixed = harness
      .fault(UpdateLeases, {
        ApplicationName,
        Updates: [
          { LeaseKey: key(10_000), Epoch: 0, Change: larger },
          { LeaseKey: key(1), Epoch: 0, Change: { Pending: { Checkpoint } } },
        ],
      })
      .then((fault) => {
        isSettled = true
        return fault
      })
    await idle()
    expect(isSettled).toBe(false)
    isFast.resolve()
    expect(await mixed).toMatch(/^LimitExceededException/)
    const { Leases } = await harness.call(DescribeApplication, { ApplicationName, Limit: 1 })
    // What makes it smaller is taken.
    const { LeaseKey, Epoch } = Leases[0] as ServiceLease
    const Updates = [{ LeaseKey, Epoch, Change: { Cleared: ['Pending'] as const } }]
    const { Results } = await harness.call(UpdateLeases, { ApplicationName, Updates })
    expect(Results).toMatchObject([{ Outcome: 'UPDATED' }])
  })
})
