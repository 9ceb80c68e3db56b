/** The lease API through real sockets: every promise of a lease store, both encodings, and what is refused how. */
import { KinesisClient } from '@millrace/client'
import {
  applicationOperations,
  BeatSession,
  type Codec,
  CreateLeases,
  DescribeApplication,
  ListApplications,
  UpdateLeases,
} from '@millrace/protocol'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '@millrace/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaseStoreContract, newLeaseOf } from '../../packages/consumer/src/leases/lease-store.contract.ts'
import { ServiceApplications } from '../../packages/consumer/src/leases/service-applications.ts'
import { ServiceLeaseStore } from '../../packages/consumer/src/leases/service-lease-store.ts'
import { JumpingClock } from './support/jumping-clock.ts'
import { REGION } from './support/sdk-client.ts'
import { onOwnServer, type Service } from './support/service.ts'
import { post } from './support/wire.ts'

const clock = new JumpingClock()
const never = new AbortController().signal
const clients: KinesisClient[] = []
afterAll(async () => {
  for (const client of clients) await client.close()
})

type LeaseService = Pick<Service, 'endpoint' | 'keys' | 'region' | 'signs' | 'livesOn' | 'streamName'>

function clientOf({ endpoint, keys, region }: LeaseService, codec: Codec = 'json'): KinesisClient {
  const client = new KinesisClient({ endpoint, region, credentials: keys, codec, retry: 'none' })
  clients.push(client)
  return client
}

const lastBeat = (application: string) => ({ ApplicationName: application, Worker: 'w', TtlMs: 1_000 })

/** Servers whose time the tests move. */
function onEachEngine(tests: (service: LeaseService) => void): void {
  for (const engine of ['memory', 'embedded'] as const)
    describe(`on the ${engine} engine`, () => {
      let endpoint = ''
      let close = async (): Promise<void> => {}
      let applications = 0
      beforeAll(async () => {
        const folder = engine === 'memory' ? undefined : await mkdtemp(join(tmpdir(), 'millrace-leases-'))
        const server = await startServer({ port: 0, dataDir: folder ?? ':memory:', clock })
        endpoint = server.endpoint
        close = async () => {
          await server.close()
          if (folder !== undefined) await rm(folder, { recursive: true, force: true })
        }
      })
      afterAll(() => close())
      tests({
        get endpoint() {
          return endpoint
        },
        keys: { accessKeyId: 'test', secretAccessKey: 'test' },
        region: REGION,
        signs: false,
        livesOn: false,
        streamName: () => `application-${++applications}`,
      })
    })
}

onOwnServer('the lease API', () => {
  onEachEngine((service) => {
    for (const codec of ['json', 'cbor'] as const)
      leaseStoreContract(`the service, in ${codec}`, () => {
        const client = clientOf(service, codec)
        return {
          ttlMs: 10_000,
          async application() {
            const application = service.streamName()
            return {
              open: async () => new ServiceLeaseStore({ client, application }),
              elapse: async (ms) => clock.jump(ms),
            }
          },
        }
      })

    it('tells a table of many pages whole', async () => {
      const application = service.streamName()
      const store = new ServiceLeaseStore({ client: clientOf(service), application })
      const beat = { worker: 'w', ttlMs: 10_000, waitMs: 0, held: [], capacity: 1 }
      for (let page = 0; page < 11; page++) {
        const leases = Array.from({ length: 100 }, (_, i) =>
          newLeaseOf(`shardId-${String(page * 100 + i).padStart(12, '0')}`),
        )
        await store.create(leases, never)
      }
      const news = await store.beat(beat, never)
      expect([news.isComplete, new Set(news.leases.map(({ key }) => key)).size]).toEqual([true, 1_100])
      const applications = new ServiceApplications(clientOf(service))
      const { leases, workers } = await applications.describe(application, never)
      expect(leases).toEqual(news.leases.toSorted((a, b) => (a.key < b.key ? -1 : 1)))
      expect(workers).toEqual([{ worker: 'w', capacity: 1 }])
      expect((await applications.list(never)).find(({ name }) => name === application)).toMatchObject({
        leases: 1_100,
        workers: 1,
      })
    })

    it('answers a beat that waits as soon as another changes something, and lets go of one that leaves', async () => {
      const application = service.streamName()
      const client = clientOf(service)
      const [a, b] = [0, 1].map(() => new ServiceLeaseStore({ client, application })) as [
        ServiceLeaseStore,
        ServiceLeaseStore,
      ]
      const beat = { ttlMs: 60_000, waitMs: 5_000, held: [], capacity: 1 }
      await b.beat({ ...beat, worker: 'b' }, never)
      const { cursor } = await a.beat({ ...beat, worker: 'a' }, never)
      const waiting = a.beat({ ...beat, worker: 'a', cursor }, never)
      await b.create([newLeaseOf('shardId-000000000000')], never)
      const news = await waiting
      expect(news.leases).toHaveLength(1)
      expect(news.workers.map(({ worker }) => worker).sort()).toEqual(['a', 'b'])
      const leaving = new AbortController()
      const left = a.beat({ ...beat, worker: 'a', cursor: news.cursor }, leaving.signal)
      leaving.abort(new Error('enough'))
      await expect(left).rejects.toThrow('enough')
      // The session is there still.
      expect((await b.beat({ ...beat, worker: 'b' }, never)).workers).toHaveLength(2)
    })

    it('refuses what is not as it should be, in the words of the front door', async () => {
      const client = clientOf(service)
      const refused = async (call: Promise<unknown>): Promise<unknown> => call.then(() => 'done', (error: Error) => error.message) // prettier-ignore
      const application = service.streamName()
      const lease = { LeaseKey: 'k', StreamName: 's', ShardId: 'x', Epoch: 0, Parents: [], Children: [], OwnerSwitches: 0, Paused: false } // prettier-ignore
      const at = (SequenceNumber: string) => ({ SequenceNumber, SubSequenceNumber: 0 })
      const many = Array.from({ length: 101 }, () => ({ ...lease, Checkpoint: at('1') }))
      const update = { LeaseKey: 'k', Epoch: 0, Change: {} }
      const calls: readonly (readonly [() => Promise<unknown>, string])[] = [
        [() => client.send(BeatSession, { ...lastBeat('a/b') }), "Value 'a/b' at 'applicationName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"],
        [() => client.send(BeatSession, { ...lastBeat(application), TtlMs: 10 }), "at 'ttlMs' failed to satisfy constraint: Member must have value greater than or equal to 500"],
        [() => client.send(BeatSession, { ...lastBeat(application), WaitMs: 5_001 }), "at 'waitMs' failed to satisfy constraint: Member must have value less than or equal to 5000"],
        [() => client.send(BeatSession, { ...lastBeat(application), Worker: '' }), "at 'worker' failed to satisfy constraint: Member must have length greater than or equal to 1"],
        [() => client.send(CreateLeases, { ApplicationName: application, Leases: many }), "at 'leases' failed to satisfy constraint: Member must have length less than or equal to 100"],
        [() => client.send(CreateLeases, { ApplicationName: application, Leases: [{ ...lease, Checkpoint: at('next') }] }), "'leases.1.member.checkpoint.sequenceNumber' failed to satisfy constraint"],
        [() => client.send(CreateLeases, { ApplicationName: application, Leases: [{ ...lease, LeaseKey: 'a/b', Checkpoint: at('1') }] }), "'leases.1.member.leaseKey' failed"],
        [() => client.send(CreateLeases, { ApplicationName: application, Leases: [{ ...lease, Checkpoint: at('1'), Pending: { Checkpoint: at('2'), State: new Uint8Array(8_193) } }] }), "'leases.1.member.pending.state' failed to satisfy constraint: Member must have length less than or equal to 8192"],
        [() => client.send(UpdateLeases, { ApplicationName: application, Updates: [] }), "at 'updates' failed to satisfy constraint: Member must have length greater than or equal to 1"],
        [() => client.send(UpdateLeases, { ApplicationName: application, Updates: [update] }), `400 ResourceNotFoundException: Application ${application} under account 000000000000 not found.`],
        [() => client.send(DescribeApplication, { ApplicationName: application }), `400 ResourceNotFoundException: Application ${application} under account 000000000000 not found.`],
        [() => client.send(ListApplications, { Limit: 101 }), "at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"],
      ] // prettier-ignore
      for (const [call, text] of calls) expect(await refused(call())).toContain(text)
      await client.send(BeatSession, lastBeat(application))
    })

    it('is known by its own prefix alone', async () => {
      for (const { name, target } of applicationOperations.values()) {
        expect((await post(service, name, '{}')).body.toString()).toContain('UnknownOperationException')
        const own = await post(service, name, '{}', { 'x-amz-target': target })
        expect(own.body.toString()).not.toContain('UnknownOperationException')
      }
      const other = { 'x-amz-target': 'Millrace_20261130.PutRecord' }
      expect((await post(service, '', '{}', other)).body.toString()).toContain('UnknownOperationException')
    })
  })
})
