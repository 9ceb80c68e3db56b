/**
 * Leases kept by the service survive `kill -9`: workers take leases and checkpoint while the server is killed. What was
 * answered is stored; what is stored was asked for; no term has two owners; and owners outlive the server.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KinesisClient } from '@millrace/client'
import { afterEach, describe, expect, it } from 'vitest'
import { newLeaseOf } from '../../packages/consumer/src/leases/lease-store.contract.ts'
import type { LeaseUpdate } from '../../packages/consumer/src/leases/lease-store.ts'
import { ServiceApplications } from '../../packages/consumer/src/leases/service-applications.ts'
import { ServiceLeaseStore } from '../../packages/consumer/src/leases/service-lease-store.ts'
import { ServerProcess } from './support/server-process.ts'

const KILLS = Number(process.env['MILLRACE_LEASE_KILLS'] ?? 2)
const LEASES = 16
const CHECKPOINTS_BETWEEN_KILLS = 20
const never = new AbortController().signal

describe(`${KILLS} kills with -9 under workers that take leases and checkpoint`, () => {
  let server: ServerProcess | undefined
  let folder = ''
  afterEach(async () => {
    await server?.kill()
    await rm(folder, { recursive: true, force: true })
  })

  it('lose no checkpoint, fence every term, and leave no owner dead', async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-leases-'))
    const running = (server = await ServerProcess.start(folder))
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    await using client = new KinesisClient({
      endpoint: running.endpoint,
      region: 'us-east-1',
      credentials,
      retry: 'none',
    })
    const leases = Array.from({ length: LEASES }, (_, i) => newLeaseOf(`shardId-${String(i).padStart(12, '0')}`))
    const first = new ServiceLeaseStore({ client, application: 'orders' })
    await first.beat({ worker: 'w0', ttlMs: 30_000, waitMs: 0, held: [], capacity: 1 }, never)
    await first.create(leases, never)

    /** By lease and term: the owner, and the checkpoint that was answered; by lease, what was asked for in which term. */
    const owners = new Map<string, string>()
    const answered = new Map<string, number>()
    const places = new Map<string, (readonly [term: number, place: number])[]>()
    let serial = 0
    const over = new AbortController()
    let settled = 0
    let enough = (): void => undefined

    const work = async (worker: string): Promise<void> => {
      const store = new ServiceLeaseStore({ client, application: 'orders' })
      while (!over.signal.aborted) {
        try {
          const { leases: all } = await store.beat({ worker, ttlMs: 30_000, waitMs: 0, held: [], capacity: 1 }, never)
          const lease = all[serial % all.length] ?? expect.unreachable()
          const { key, epoch } = lease
          const place = ++serial
          const checkpoint = { sequenceNumber: String(place), subSequenceNumber: 0 }
          const update = (change: LeaseUpdate['change'], term: number) => store.update([{ key, epoch: term, change }], never) // prettier-ignore
          const [taken] = await update({ owner: worker, epoch: epoch + 1 }, epoch)
          if (taken?.outcome !== 'updated') continue
          const term = `${key} ${epoch + 1}`
          expect(owners.get(term) ?? worker).toBe(worker)
          owners.set(term, worker)
          places.set(key, [...(places.get(key) ?? []), [epoch + 1, place]])
          const [done] = await update({ checkpoint }, epoch + 1)
          if (done?.outcome !== 'updated') continue
          answered.set(term, place)
          if (++settled % CHECKPOINTS_BETWEEN_KILLS === 0) enough()
        } catch (error) {
          if ((error as Error).name !== 'LeaseStoreError') throw error
          // Killed: until it is back, there is nothing to do.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
    }
    const workers = ['a', 'b', 'c', 'd'].map(work)
    const applications = new ServiceApplications(client)
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise<void>((resolve) => (enough = resolve))
      await running.kill()
      await running.start()
      const { leases: stored, workers: live } = await applications.describe('orders', never)
      const names = new Set(live.map(({ worker }) => worker))
      expect(stored.filter(({ owner }) => owner !== undefined && !names.has(owner))).toEqual([])
    }
    over.abort()
    await Promise.all(workers)

    const { leases: stored } = await applications.describe('orders', never)
    expect(stored).toHaveLength(LEASES)
    for (const { key, epoch, owner, checkpoint } of stored) {
      const known = owners.get(`${key} ${epoch}`)
      if (known !== undefined) expect(owner).toBe(known)
      // A checkpoint that was answered stands until a later term writes its own.
      const terms = [...answered].filter(([term]) => term.startsWith(`${key} `))
      const lastTerm = Math.max(0, ...terms.map(([term]) => Number(term.slice(key.length + 1))))
      const place = checkpoint.sequenceNumber === 'TRIM_HORIZON' ? 0 : Number(checkpoint.sequenceNumber)
      const written = answered.get(`${key} ${lastTerm}`) ?? 0
      if (lastTerm === epoch) expect(place).toBe(written)
      else
        expect(
          places
            .get(key)
            ?.filter(([term]) => term >= lastTerm)
            .map(([, each]) => each) ?? [0],
        ).toContain(place)
    }
    console.info(`leases: ${KILLS} kills, ${settled} checkpoints answered, ${owners.size} terms`)
  })
})
