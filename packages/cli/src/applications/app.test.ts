import { KinesisClient } from '@millrace/client'
import { type Lease, LATEST, leaseKey, type NewLease, SHARD_END, ServiceLeaseStore, TRIM_HORIZON } from '@millrace/consumer' // prettier-ignore
import { parseStreamArn } from '@millrace/protocol'
import { startServer } from '@millrace/server'
import { systemClock } from '@millrace/std'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.ts'
import { MemoryShell } from '../testing/memory-shell.ts'

const never = new AbortController().signal
const shardIds = [0, 1, 2, 3].map((number) => `shardId-${String(number).padStart(12, '0')}`)
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }

describe('millrace app', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  let client: KinesisClient
  let createdAtSecond = 0
  let sequenceNumbers: readonly string[] = []
  let application = ''
  let store: ServiceLeaseStore
  let count = 0

  async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const shell = new MemoryShell({ clock: systemClock, env: { AWS_ENDPOINT_URL_KINESIS: server.endpoint } })
    const code = await runProgram(['app', ...words], shell)
    return { code, out: shell.out, err: shell.err }
  }
  const json = async (...words: readonly string[]): Promise<unknown> => {
    const { code, out, err } = await run(...words, '--json')
    expect([code, err]).toEqual([0, expect.stringContaining('→') as string])
    return JSON.parse(out)
  }
  const leaseOf = (number: number, more: Partial<NewLease> = {}): NewLease => {
    const shardId = shardIds[number] ?? ''
    const key = leaseKey({ stream: 'orders', createdAtSecond, shardId })
    return { key, stream: 'orders', shardId, epoch: 1, checkpoint: TRIM_HORIZON, parents: [], children: [], ownerSwitches: 0, paused: false, ...more } // prettier-ignore
  }
  const beat = () => store.beat({ worker: 'w1', ttlMs: 60_000, waitMs: 0, held: [], capacity: 1 }, never)
  const leases = async (): Promise<readonly Lease[]> =>
    (await beat()).leases.toSorted((a, b) => (a.key < b.key ? -1 : 1))

  beforeAll(async () => {
    server = await startServer({ port: 0, dataDir: ':memory:', shardLimits: 'off' })
    client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
    await client.createStream({ StreamName: 'orders', ShardCount: 1 })
    const { StreamDescriptionSummary: summary } = await client.describeStreamSummary({ StreamName: 'orders' })
    createdAtSecond = Math.floor(summary.StreamCreationTimestamp / 1000)
    const put = (): Promise<{ SequenceNumber: string }> =>
      client.putRecord({ StreamName: 'orders', PartitionKey: 'k', Data: new Uint8Array([1]) })
    sequenceNumbers = [(await put()).SequenceNumber, (await put()).SequenceNumber]
    await client.splitShard({ StreamName: 'orders', ShardToSplit: shardIds[0] ?? '', NewStartingHashKey: String(2n ** 127n) }) // prettier-ignore
  })
  afterAll(async () => {
    await client.close()
    await server.close()
  })
  beforeEach(async () => {
    application = `app-${++count}`
    store = new ServiceLeaseStore({ client, application })
    await beat()
  })

  it('lists applications, and describes leases and workers', async () => {
    await store.create([leaseOf(1, { owner: 'w1' }), leaseOf(2, { owner: 'dead', heir: 'w1' })], never)
    expect(await json('list')).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ name: application, leases: 2, workers: 1 })]) as unknown,
    })
    expect(await json('describe', application)).toMatchObject({
      name: application,
      workers: [{ worker: 'w1', capacity: 1 }],
      leases: [
        { shardId: shardIds[1], owner: 'w1', state: 'held', epoch: 1, sequenceNumber: 'TRIM_HORIZON', paused: false },
        { shardId: shardIds[2], owner: 'dead', heir: 'w1', state: 'orphaned' },
      ],
    })
    const { out, err } = await run('describe', application)
    expect(out).toContain(`orders\t${shardIds[1]}\tw1\theld\t1\tTRIM_HORIZON\n`)
    expect(err).toContain('1 live worker: w1')
  })

  it('tells the lag in time: the age of the oldest record that is not done with', async () => {
    const done = { sequenceNumber: sequenceNumbers[1] ?? '', subSequenceNumber: 0 }
    const half = { sequenceNumber: sequenceNumbers[0] ?? '', subSequenceNumber: 0 }
    const lagMs = async (checkpoint: Lease['checkpoint']): Promise<number | null | undefined> => {
      application = `app-${++count}`
      store = new ServiceLeaseStore({ client, application })
      await store.create([leaseOf(0, { checkpoint })], never)
      return ((await json('lag', application)) as { items: { lagMs: number | null }[] }).items[0]?.lagMs
    }
    expect(await lagMs(done)).toBe(0)
    const halfMs = await lagMs(half)
    expect(halfMs).toBeGreaterThan(0)
    expect(await lagMs(TRIM_HORIZON)).toBeGreaterThanOrEqual(halfMs ?? Infinity)
    expect(await lagMs(SHARD_END)).toBeNull()
    expect(await lagMs(LATEST)).toBeNull()
  })

  it('resets a whole application: a new term for each, and leases again for shards that were cleaned up', async () => {
    const pending = { checkpoint: TRIM_HORIZON, state: new Uint8Array([1]) }
    await store.create(
      [leaseOf(1, { owner: 'w1', pending, ownerSwitches: 3 }), leaseOf(2, { checkpoint: LATEST })],
      never,
    )
    expect(await json('reset', application, '--to', 'trim-horizon')).toEqual({ name: application, leases: 3, to: 'trim-horizon' }) // prettier-ignore
    const all = await leases()
    // Above every term that the one before can have had: its last owner may have an end of it under way.
    expect(all[0]?.epoch).toBeGreaterThan(1_000_000_000)
    expect(all.map(({ shardId, epoch, checkpoint }) => [shardId, epoch, checkpoint])).toEqual([
      [shardIds[0], all[0]?.epoch, TRIM_HORIZON],
      [shardIds[1], 2, TRIM_HORIZON],
      [shardIds[2], 2, TRIM_HORIZON],
    ])
    expect(all[1]).toMatchObject({ owner: 'w1', pending: undefined, ownerSwitches: 0 })
  })

  it('resets to a time, and to the latest only what is not ended', async () => {
    await store.create([leaseOf(0, { checkpoint: SHARD_END }), leaseOf(1), leaseOf(2)], never)
    await run('reset', application, '--to', 'latest')
    expect((await leases()).map(({ checkpoint }) => checkpoint)).toEqual([SHARD_END, LATEST, LATEST])
    for (const { startTimeMs = 0 } of (await leases()).slice(1)) expect(Date.now() - startTimeMs).toBeGreaterThan(0)
    await run('reset', application, '--to', 'at:2026-11-22T10:00:00Z', '--shard', '1')
    const [, one] = await leases()
    expect(one).toMatchObject({ checkpoint: { sequenceNumber: 'AT_TIMESTAMP' }, startTimeMs: Date.UTC(2026, 10, 22, 10) }) // prettier-ignore
    expect((await leases()).map(({ epoch }) => epoch)).toEqual([1, 3, 2])
  })

  it('seeks behind a record', async () => {
    await store.create([leaseOf(0, { owner: 'w1' })], never)
    const [first = ''] = sequenceNumbers
    expect((await run('seek', application, '--shard', '0', '--to', `after:${first}`)).code).toBe(0)
    expect(await leases()).toMatchObject([{ checkpoint: { sequenceNumber: first }, epoch: 2, owner: 'w1' }])
  })

  it('calls a stream whose leases tell its account by its ARN', async () => {
    const { StreamDescriptionSummary: summary } = await client.describeStreamSummary({ StreamName: 'orders' })
    const stream = `${parseStreamArn(summary.StreamARN)?.account}:orders`
    const told = leaseOf(1, { key: leaseKey({ stream, createdAtSecond, shardId: shardIds[1] ?? '' }), stream })
    await store.create([told, leaseOf(1)], never)
    expect(await json('lag', application, '--stream', stream)).toMatchObject({ items: [{ stream, lagMs: 0 }] })
    expect(await json('lag', application, '--stream', summary.StreamARN)).toMatchObject({ items: [{ stream }] })
    expect(await json('lag', application, '--stream', 'orders')).toMatchObject({ items: [{ stream: 'orders' }] })
    expect(await json('reset', application, '--stream', stream, '--to', 'trim-horizon')).toMatchObject({ leases: 3 })
    expect((await leases()).map((lease) => lease.stream)).toEqual([stream, stream, stream, 'orders'])
  })

  it('changes nothing of a stream that is only called alike', async () => {
    const ofAccount = (account: string) => {
      const stream = `${account}:orders`
      return leaseOf(1, { key: leaseKey({ stream, createdAtSecond, shardId: shardIds[1] ?? '' }), stream })
    }
    const arnOf = (account: string) => `arn:aws:kinesis:us-east-1:${account}:stream/orders`
    const paused = async () => (await leases()).filter((lease) => lease.paused).map(({ stream }) => stream)
    const [one, other] = ['111122223333', '444455556666']
    await store.create([ofAccount(one), ofAccount(other)], never)

    for (const words of [
      ['pause'],
      ['reset', '--to', 'latest'],
      ['seek', '--shard', '1', '--to', 'latest'],
      ['resume'],
    ]) {
      const { code, err } = await run(...words, application, '--stream', 'orders')
      expect([code, err]).toEqual([2, expect.stringContaining(`orders may be ${one}:orders or ${other}:orders`)])
    }
    expect(await json('describe', application, '--stream', 'orders')).toMatchObject({ leases: [{}, {}] })

    await store.create([leaseOf(1)], never)
    expect(await json('pause', application, '--stream', arnOf(one))).toMatchObject({ leases: 1 })
    expect(await paused()).toEqual([`${one}:orders`])
    expect(await json('pause', application, '--stream', 'orders')).toMatchObject({ leases: 1 })
    expect(await paused()).toEqual([`${one}:orders`, 'orders'])
    // Whose leases do not tell their account may be of any.
    expect(await json('resume', application, '--stream', arnOf('777788889999'))).toMatchObject({ leases: 1 })
    expect(await paused()).toEqual([`${one}:orders`])
  })

  it('pauses and resumes, within the term', async () => {
    await store.create([leaseOf(1, { owner: 'w1' }), leaseOf(2)], never)
    expect(await json('pause', application, '--shard', shardIds[1] ?? '')).toMatchObject({ leases: 1, paused: true })
    expect((await leases()).map(({ paused, epoch }) => [paused, epoch])).toEqual([
      [true, 1],
      [false, 1],
    ])
    expect(await json('pause', application)).toMatchObject({ leases: 1 })
    expect(await json('resume', application)).toMatchObject({ leases: 2 })
    expect((await leases()).some(({ paused }) => paused)).toBe(false)
  })

  describe('deletes an application', () => {
    const typing = async (answer: string) => {
      const shell = new MemoryShell({
        clock: systemClock,
        env: { AWS_ENDPOINT_URL_KINESIS: server.endpoint },
        stdin: (async function* () {
          yield Buffer.from(answer)
        })(),
        width: 80,
      })
      const code = await runProgram(['app', 'delete', application], shell)
      return { code, out: shell.out, err: shell.err }
    }

    it('that no worker has any more', async () => {
      await store.create([leaseOf(1), leaseOf(2)], never)
      await store.leave(never)
      expect(await json('delete', application, '--yes')).toEqual({ name: application, leases: 2, deleted: true })
      expect(await run('describe', application)).toMatchObject({ code: 3 })
    })

    it('not while workers live, but by force', async () => {
      await store.create([leaseOf(1, { owner: 'w1' })], never)
      const { code, err } = await run('delete', application, '--yes')
      expect([code, err]).toEqual([1, expect.stringMatching(/has 1 live worker[^]*--force/)])
      expect(await leases()).toHaveLength(1)
      expect(await json('delete', application, '--yes', '--force')).toMatchObject({ leases: 1 })
      expect(await leases()).toEqual([])
    })

    it('when it is said that it is meant, knowing what there is', async () => {
      await store.create([leaseOf(1)], never)
      await store.leave(never)
      expect(await run('delete', application)).toMatchObject({ code: 2, err: expect.stringContaining('with --yes') as string }) // prettier-ignore
      const refused = await typing('other\n')
      expect(refused.err).toContain(`This deletes ${application} and its checkpoints: 1 lease, with 0 live workers.`)
      expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('nothing was deleted')])
      expect((await typing(`${application}\n`)).code).toBe(0)
      expect(await run('describe', application)).toMatchObject({ code: 3 })
    })
  })

  it('says what is not there, and what to do', async () => {
    expect(await run('describe', 'nobody')).toMatchObject({
      code: 3,
      err: expect.stringMatching(/Application nobody under account \d+ not found[^]*millrace app list/) as string,
    })
    await store.create([leaseOf(1)], never)
    expect(await run('pause', application, '--shard', '7')).toMatchObject({
      code: 3,
      err: expect.stringContaining(`has no lease of shard shardId-000000000007\n  see what there is with: millrace app describe ${application}`) as string,
    }) // prettier-ignore
  })
})
