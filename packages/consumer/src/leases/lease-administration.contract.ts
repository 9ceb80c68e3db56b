/** What every `LeaseAdministration` promises. Run by each on the store that it looks after. */
import { describe, expect, it } from 'vitest'
import { TRIM_HORIZON } from '../extended-sequence-number.ts'
import type { LeaseAdministration } from './lease-administration.ts'
import { leaseKey } from './lease-key.ts'
import { newLeaseOf } from './lease-store.contract.ts'
import type { LeaseStore, LeaseStoreError } from './lease-store.ts'
import type { Lease } from './lease.ts'

const never = new AbortController().signal

export interface AdministeredApplication {
  readonly name: string
  readonly administration: LeaseAdministration
  /** A worker's store of the same application. */
  readonly store: LeaseStore
}

/** `stream`: as workers and who looks after them call it alike. */
export function leaseAdministrationContract(
  name: string,
  open: () => Promise<AdministeredApplication>,
  stream = 'orders',
): void {
  describe(`leases in ${name}, looked after`, () => {
    const leaseOf = (shardId: string) => newLeaseOf(shardId, { key: leaseKey({ stream, createdAtSecond: 1_700_000_000, shardId }), stream }) // prettier-ignore
    const leases = [0, 1, 2].map((i) => leaseOf(`shardId-00000000000${i}`))

    async function setUp() {
      const application = await open()
      const { store } = application
      const beat = () => store.beat({ worker: 'w1', ttlMs: 3_000, waitMs: 0, held: [], capacity: 2 }, never)
      await beat()
      await store.create(leases.toReversed(), never)
      return { ...application, beat }
    }

    it('are listed and described, with the workers that live', async () => {
      const { name: application, administration, beat } = await setUp()
      const end = beatOn(beat)
      const { leases: found, workers } = await administration.describe(application, never)
      expect(found.map(({ key }) => key)).toEqual(leases.map(({ key }) => key))
      expect(workers).toEqual([{ worker: 'w1', capacity: 2 }])
      const summary = (await administration.list(never)).find((one) => one.name === application)
      expect(summary).toMatchObject({ leases: 3, workers: 1 })
      await end()
      expect((await administration.leases(application, never)).map(({ key }) => key)).toEqual(leases.map(({ key }) => key)) // prettier-ignore
    })

    it('are made where they are missing, and changed, however many', async () => {
      const { name: application, administration } = await setUp()
      const more = Array.from({ length: 101 }, (_, i) => leaseOf(`shardId-${String(i).padStart(12, '0')}`))
      await administration.create(application, more, never)
      const made = await administration.leases(application, never)
      expect(made).toHaveLength(101)
      const updates = made.map(({ key, epoch }) => ({ key, epoch, change: { paused: true } }))
      const results = await administration.update(application, updates, never)
      expect(results.map((result) => result.outcome === 'updated' && result.lease.key)).toEqual(made.map(({ key }) => key)) // prettier-ignore
    })

    it('are changed in the term that is named, and told as they are in another', async () => {
      const { name: application, administration, store } = await setUp()
      const [{ key, epoch }, other] = (await administration.leases(application, never)) as readonly [
        Lease,
        Lease,
        Lease,
      ]
      const [taken] = await store.update([{ key, epoch, change: { owner: 'w1', epoch: epoch + 1 } }], never)
      expect(taken).toMatchObject({ outcome: 'updated' })
      const change = { checkpoint: { sequenceNumber: '7', subSequenceNumber: 1 }, pending: undefined, epoch: epoch + 1 }
      const results = await administration.update(
        application,
        [
          { key, epoch, change },
          { key: other.key, epoch: other.epoch, change: { ...change, epoch: other.epoch + 1 } },
          { key: leaseOf('shardId-000000000009').key, epoch: 0, change: { paused: true } },
        ],
        never,
      )
      expect(results).toMatchObject([
        { outcome: 'conflict', lease: { owner: 'w1', epoch: epoch + 1 } },
        { outcome: 'updated', lease: { checkpoint: change.checkpoint, epoch: other.epoch + 1 } },
        { outcome: 'gone' },
      ])
    })

    it('are fenced by a new term: a late checkpoint of the owner before is refused', async () => {
      const { name: application, administration, store, beat } = await setUp()
      const [{ key, epoch }] = (await administration.leases(application, never)) as readonly [Lease, Lease, Lease]
      await store.update([{ key, epoch, change: { owner: 'w1', epoch: epoch + 1 } }], never)
      const moved = { checkpoint: TRIM_HORIZON, pending: undefined, epoch: epoch + 2 }
      await administration.update(application, [{ key, epoch: epoch + 1, change: moved }], never)
      const late = { checkpoint: { sequenceNumber: '9', subSequenceNumber: 0 } }
      expect(await store.update([{ key, epoch: epoch + 1, change: late }], never)).toMatchObject([{ outcome: 'conflict' }]) // prettier-ignore
      const news = (await beat()).leases.find((lease) => lease.key === key)
      expect(news).toMatchObject({ checkpoint: TRIM_HORIZON, epoch: epoch + 2 })
    })

    /** Until it is told to end. */
    function beatOn(beat: () => Promise<unknown>): () => Promise<void> {
      const over = new AbortController()
      const beating = (async () => {
        while (!over.signal.aborted) {
          await beat()
          await new Promise((resolve) => setImmediate(resolve))
        }
      })()
      return () => {
        over.abort()
        return beating
      }
    }

    /** A table in DynamoDB stays. */
    const left = ({ name: application, administration }: AdministeredApplication): Promise<readonly Lease[]> =>
      administration.leases(application, never).catch((error: LeaseStoreError) => {
        expect(error.code).toBe('not-found')
        return []
      })

    it('are deleted with the application, when no worker lives', async () => {
      const set = await setUp()
      const end = beatOn(set.beat)
      await expect(set.administration.delete(set.name, { force: false }, never)).rejects.toMatchObject({ code: 'in-use', message: expect.stringContaining('1 live worker') as string }) // prettier-ignore
      await end()
      expect(await set.administration.leases(set.name, never)).toHaveLength(3)
      await set.store.leave(never)
      await set.administration.delete(set.name, { force: false }, never)
      expect(await left(set)).toEqual([])
    })

    it('are deleted by force while workers live, who cannot change them any more', async () => {
      const set = await setUp()
      const [lease] = (await set.administration.leases(set.name, never)) as readonly [Lease, Lease, Lease]
      await set.administration.delete(set.name, { force: true }, never)
      expect(await left(set)).toEqual([])
      const { key, epoch } = lease
      const late = set.store.update([{ key, epoch, change: { checkpoint: { sequenceNumber: '9', subSequenceNumber: 0 } } }], never) // prettier-ignore
      expect(await late.catch(() => [{ outcome: 'gone' }])).toEqual([{ outcome: 'gone' }])
    })

    it('are not there where nobody has any', async () => {
      const { administration } = await setUp()
      await expect(administration.leases('nobody', never)).rejects.toMatchObject({ code: 'not-found', retryable: false }) // prettier-ignore
      await expect(administration.describe('nobody', never)).rejects.toMatchObject({ code: 'not-found' })
      await expect(administration.delete('nobody', { force: true }, never)).rejects.toMatchObject({ code: 'not-found' })
    })
  })
}
