import { PutRecord, type ErrorType } from '@millrace/protocol'
import type { Random } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { KinesisClient } from './client.ts'
import type { CallOptions, KinesisClientOptions } from './client-options.ts'
import { ScriptedTransport, type ScriptLine } from './testing/scripted-transport.ts'

/** Backoff without chance: always its upper bound. */
const alwaysLongest: Random = { ...seededRandom(1), float: () => 1 }
const credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret' }
const put = { StreamName: 'orders', PartitionKey: 'a', Data: new Uint8Array(1) }
const stored: ScriptLine = { output: { SequenceNumber: '1', ShardId: 'shardId-000000000000' } }
const listed: ScriptLine = { output: { Shards: [] } }

function scripted(script: readonly ScriptLine[], options: Partial<KinesisClientOptions> = {}) {
  const clock = new VirtualClock()
  const transport = new ScriptedTransport(clock, script)
  const client = new KinesisClient({
    endpoint: 'http://kinesis.test',
    region: 'us-east-1',
    credentials,
    transport,
    clock,
    random: alwaysLongest,
    ...options,
  })
  const times = (): number[] => transport.requests.map(({ atMs }) => atMs)
  return { clock, transport, client, times }
}

const broken: ScriptLine = { fails: 'closed', outcome: 'unknown' }
const refused: ScriptLine = { fails: 'connect', outcome: 'not-done' }
const failed: ScriptLine = { error: 'InternalFailure' }
const throttled: ScriptLine = { error: 'ProvisionedThroughputExceededException' }

describe('retries of a put', () => {
  const rows: readonly { name: string; script: ScriptLine[]; times: number[] }[] = [
    {
      name: 'waits 100, then 200 ms after failures of the service',
      script: [failed, failed, stored],
      times: [0, 100, 300],
    },
    { name: 'waits 500, then 1000 ms after throttling', script: [throttled, throttled, stored], times: [0, 500, 1500] },
    { name: 'repeats what found no connection', script: [refused, stored], times: [0, 100] },
    { name: 'repeats what may have been done, as the AWS SDKs do', script: [broken, stored], times: [0, 100] },
    {
      name: 'repeats at once on a fresh connection when a used one broke',
      script: [{ fails: 'closed', outcome: 'unknown', reused: true }, stored],
      times: [0, 0],
    },
    {
      name: 'takes a gateway’s 503 for a failure of the service',
      script: [{ status: 503, body: '<html>' }, stored],
      times: [0, 100],
    },
    { name: 'takes any 429 for throttling', script: [{ status: 429 }, stored], times: [0, 500] },
    {
      name: 'waits as long as Retry-After asks',
      script: [{ status: 503, headers: { 'retry-after': '3' } }, stored],
      times: [0, 3000],
    },
    {
      name: 'waits as long as x-amz-retry-after asks',
      script: [{ status: 503, headers: { 'x-amz-retry-after': '1234' } }, stored],
      times: [0, 1234],
    },
    {
      name: 'never waits longer than 20 s for it',
      script: [{ status: 503, headers: { 'retry-after': '86400' } }, stored],
      times: [0, 20_000],
    },
  ]
  for (const { name, script, times } of rows)
    it(name, async () => {
      const run = scripted(script)
      await runClock(run.clock, run.client.putRecord(put))
      expect(run.times()).toEqual(times)
    })

  it('gives up after three attempts, and says how many they were and that the record may be stored', async () => {
    const { clock, client, times } = scripted([failed, refused, throttled, stored])
    const call = runClock(clock, client.putRecord(put))
    await expect(call).rejects.toMatchObject({
      name: 'KinesisServiceError',
      type: 'ProvisionedThroughputExceededException',
      attempts: 3,
      outcome: 'unknown',
      retryable: true,
      requestId: 'r3',
    })
    expect(times()).toHaveLength(3)
  })

  const final: ErrorType[] = [
    'ResourceNotFoundException',
    'ValidationException',
    'AccessDeniedException',
    'UnknownOperationException',
    'ExpiredIteratorException',
  ]
  for (const error of final)
    it(`never repeats after ${error}`, async () => {
      const { clock, client, times } = scripted([{ error }, stored])
      await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({
        type: error,
        status: 400,
        attempts: 1,
        outcome: 'not-done',
        retryable: false,
      })
      expect(times()).toEqual([0])
    })

  it('sends the same bytes and invocation id each time, and the number of the attempt', async () => {
    const { clock, client, transport } = scripted([failed, failed, stored])
    await runClock(clock, client.putRecord(put))
    const requests = transport.requests.map(({ request }) => request)
    expect(new Set(requests.map(({ headers }) => headers['amz-sdk-invocation-id'])).size).toBe(1)
    expect(new Set(requests.map(({ body }) => Buffer.from(body).toString())).size).toBe(1)
    expect(requests.map(({ headers }) => headers['amz-sdk-request'])).toEqual([
      'attempt=1; max=3',
      'attempt=2; max=3',
      'attempt=3; max=3',
    ])
  })

  it('leaves no timer behind', async () => {
    const { clock, client } = scripted([failed, stored])
    await runClock(clock, client.putRecord(put))
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('retry settings', () => {
  const rows: readonly {
    name: string
    options?: Partial<KinesisClientOptions>
    call?: CallOptions
    script: ScriptLine[]
    attempts: number
  }[] = [
    { name: '`none` for the client: one request', options: { retry: 'none' }, script: [refused, stored], attempts: 1 },
    { name: '`none` for one call', call: { retry: 'none' }, script: [failed, stored], attempts: 1 },
    {
      name: '`unless-throttled`: other failures are repeated, throttling is told',
      call: { retry: 'unless-throttled' },
      script: [failed, throttled, stored],
      attempts: 2,
    },
    {
      name: '`unknownOutcome: fail`: not after a broken connection',
      options: { retry: { unknownOutcome: 'fail' } },
      script: [broken, stored],
      attempts: 1,
    },
    {
      name: '`unknownOutcome: fail`: not after a failure of the service',
      options: { retry: { unknownOutcome: 'fail' } },
      script: [failed, stored],
      attempts: 1,
    },
  ]
  for (const { name, options, call, script, attempts } of rows)
    it(name, async () => {
      const run = scripted(script, options)
      await expect(runClock(run.clock, run.client.send(PutRecord, put, call))).rejects.toThrow(/PutRecord|Scripted/)
      expect(run.transport.requests).toHaveLength(attempts)
    })

  it('`unknownOutcome: fail` still repeats what was certainly not done, and reads', async () => {
    const options = { retry: { unknownOutcome: 'fail' } } as const
    const writing = scripted([refused, throttled, stored], options)
    await runClock(writing.clock, writing.client.putRecord(put))
    expect(writing.transport.requests).toHaveLength(3)
    const reading = scripted([broken, failed, listed], options)
    await runClock(reading.clock, reading.client.listShards({ StreamName: 'orders' }))
    expect(reading.transport.requests).toHaveLength(3)
  })

  it('the budget is shared by all calls: when it is gone, calls fail at their first error', async () => {
    const { clock, client, transport } = scripted(
      Array.from({ length: 20 }, () => failed),
      {
        // Two retries' worth.
        retry: { budget: 10 },
      },
    )
    for (const attempts of [3, 1, 1])
      await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({ attempts })
    expect(transport.requests).toHaveLength(5)
  })

  it('successes fill the budget again', async () => {
    const { clock, client } = scripted([failed, stored, ...Array.from({ length: 9 }, () => failed)], {
      retry: { budget: 10 },
    })
    // The retry that helped gives back what it cost: both are there for the next call.
    await runClock(clock, client.putRecord(put))
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({ attempts: 3 })
  })

  it('jitter spreads waits over the whole range from zero', async () => {
    const { clock, client, times } = scripted([throttled, stored], { random: { ...alwaysLongest, float: () => 0.25 } })
    await runClock(clock, client.putRecord(put))
    expect(times()).toEqual([0, 125])
  })
})

describe('the time for a call', () => {
  it('ends one that is never answered with `deadline`', async () => {
    const { clock, client } = scripted(['silence'])
    await expect(runClock(clock, client.putRecord(put, { timeoutMs: 700 }))).rejects.toMatchObject({
      code: 'deadline',
      outcome: 'unknown',
    })
    expect(clock.monotonic()).toBe(700)
  })

  it('is 60 s by default, all attempts together', async () => {
    const { clock, client } = scripted([failed, 'silence'])
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({ code: 'deadline', attempts: 2 })
    expect(clock.monotonic()).toBe(60_000)
  })

  it('is not spent on waiting for an attempt that would come too late: the last error is reported at once', async () => {
    const { clock, client } = scripted([throttled, stored])
    await expect(runClock(clock, client.putRecord(put, { timeoutMs: 400 }))).rejects.toMatchObject({
      type: 'ProvisionedThroughputExceededException',
    })
    expect(clock.monotonic()).toBe(0)
  })

  it('can be a point in time; the earlier of the two limits counts', async () => {
    for (const limits of [
      { deadlineMs: 300 },
      { deadlineMs: 300, timeoutMs: 9_000 },
      { deadlineMs: 9_000, timeoutMs: 300 },
    ]) {
      const { clock, client } = scripted(['silence'])
      await expect(runClock(clock, client.putRecord(put, limits))).rejects.toMatchObject({ code: 'deadline' })
      expect(clock.monotonic()).toBe(300)
    }
  })

  it('that is over before it began sends nothing', async () => {
    const { clock, client, transport } = scripted([stored])
    await expect(runClock(clock, client.putRecord(put, { deadlineMs: 0 }))).rejects.toMatchObject({
      code: 'deadline',
      outcome: 'not-done',
    })
    expect(transport.requests).toHaveLength(0)
  })
})

describe('the caller’s signal', () => {
  it('ends a wait between attempts, with the caller’s reason as the cause', async () => {
    const { clock, client } = scripted([failed, stored])
    const controller = new AbortController()
    const why = new Error('enough')
    clock.setTimer(50, () => controller.abort(why))
    const call = runClock(clock, client.putRecord(put, { signal: controller.signal }))
    await expect(call).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown', cause: why })
    expect(clock.monotonic()).toBe(50)
    expect(clock.pendingTimers).toBe(0)
  })

  it('that has fired already sends nothing', async () => {
    const { clock, client, transport } = scripted([stored])
    const call = runClock(clock, client.putRecord(put, { signal: AbortSignal.abort() }))
    await expect(call).rejects.toMatchObject({ code: 'aborted', outcome: 'not-done' })
    expect(transport.requests).toHaveLength(0)
  })
})

describe('the clock', () => {
  const HOUR_MS = 3_600_000
  const date = (clock: VirtualClock, offsetMs: number): Record<string, string> => ({
    date: new Date(clock.now() + offsetMs).toUTCString(),
  })
  const signedAt = (transport: ScriptedTransport): (string | undefined)[] =>
    transport.requests.map(({ request }) => request.headers['x-amz-date']?.slice(9, 13))

  it('is corrected from the answer that refuses the signature, and the call is repeated at once', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12))
    const transport = new ScriptedTransport(clock, [
      { error: 'InvalidSignatureException', headers: date(clock, HOUR_MS) },
      stored,
      stored,
    ])
    const client = new KinesisClient({
      endpoint: 'http://kinesis.test',
      region: 'us-east-1',
      credentials,
      transport,
      clock,
    })
    await runClock(clock, client.putRecord(put))
    await runClock(clock, client.putRecord(put))
    expect(signedAt(transport)).toEqual(['1200', '1300', '1300'])
    expect(clock.monotonic()).toBe(0)
  })

  it('is told by any answer: what the service’s clock shows', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12))
    const transport = new ScriptedTransport(clock, [{ ...stored, headers: date(clock, -HOUR_MS) }, stored])
    const client = new KinesisClient({ endpoint: 'http://kinesis.test', region: 'us-east-1', credentials, transport, clock }) // prettier-ignore
    expect(client.serviceTimeMs()).toBe(Date.UTC(2026, 0, 1, 12))
    await runClock(clock, client.putRecord(put))
    clock.advance(5_000)
    await runClock(clock, client.putRecord(put))
    expect(client.serviceTimeMs()).toBe(Date.UTC(2026, 0, 1, 11, 0, 5))
    // Signatures go by ours as long as they are not refused.
    expect(signedAt(transport)).toEqual(['1200', '1200'])
  })

  it('is corrected for the next call where calls are not repeated', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12))
    const skewed: ScriptLine = { error: 'InvalidSignatureException', headers: date(clock, HOUR_MS) }
    const transport = new ScriptedTransport(clock, [skewed, stored])
    const client = new KinesisClient({
      endpoint: 'http://kinesis.test',
      region: 'us-east-1',
      credentials,
      transport,
      clock,
      retry: 'none',
    })
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({ attempts: 1 })
    await runClock(clock, client.putRecord(put))
    expect(signedAt(transport)).toEqual(['1200', '1300'])
  })

  const rows = [
    { name: 'the service’s clock agrees with ours: the secret is wrong', offsetMs: 0 },
    { name: 'there is no Date', offsetMs: undefined },
  ]
  for (const { name, offsetMs } of rows)
    it(`is left alone when ${name}`, async () => {
      const clock = new VirtualClock()
      const headers = offsetMs === undefined ? {} : date(clock, offsetMs)
      const transport = new ScriptedTransport(clock, [{ error: 'InvalidSignatureException', headers }, stored])
      const client = new KinesisClient({
        endpoint: 'http://kinesis.test',
        region: 'us-east-1',
        credentials,
        transport,
        clock,
      })
      await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({
        type: 'InvalidSignatureException',
        attempts: 1,
      })
    })

  it('is not corrected for ever: a service whose Date runs away is refused in the end', async () => {
    const clock = new VirtualClock()
    const transport = new ScriptedTransport(clock, (_request, number) => ({
      error: 'RequestExpired' as ErrorType,
      headers: date(clock, number * HOUR_MS),
    }))
    const client = new KinesisClient({
      endpoint: 'http://kinesis.test',
      region: 'us-east-1',
      credentials,
      transport,
      clock,
    })
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({ type: 'RequestExpired' })
    expect(transport.requests.length).toBeLessThanOrEqual(3)
  })
})

describe('credentials', () => {
  it('called expired by the service are asked for again, once', async () => {
    let asked = 0
    const { clock, client, transport } = scripted([{ error: 'ExpiredTokenException' }, stored], {
      credentials: () => Promise.resolve({ ...credentials, sessionToken: `token-${++asked}` }),
    })
    await runClock(clock, client.putRecord(put))
    expect(transport.requests.map(({ request }) => request.headers['x-amz-security-token'])).toEqual([
      'token-1',
      'token-2',
    ])
  })

  it('that are fixed are not tried again', async () => {
    const { clock, client } = scripted([{ error: 'ExpiredTokenException' }, stored])
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({
      type: 'ExpiredTokenException',
      attempts: 1,
    })
  })
})

describe('an answer that is none of Kinesis’s', () => {
  const rows = [
    {
      name: 'a page of HTML with 200',
      line: { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } },
      error: { code: 'malformed' },
    },
    {
      name: 'a page of HTML with 403',
      line: { status: 403, body: '<html>forbidden</html>', headers: { 'content-type': 'text/html' } },
      error: { status: 403, retryable: false },
    },
    {
      name: 'less than Content-Length announced',
      line: { status: 200, body: '{}', headers: { 'content-length': '90' } },
      error: { code: 'closed' },
    },
  ]
  for (const { name, line, error } of rows)
    it(`is an error that says so: ${name}`, async () => {
      const { clock, client } = scripted([line, line, line])
      await expect(runClock(clock, client.listShards({ StreamName: 'orders' }))).rejects.toMatchObject(error)
    })

  it('that is longer than allowed is given up', async () => {
    const { clock, client } = scripted([{ status: 200, body: 'x'.repeat(101) }], { responseBytesMax: 100 })
    await expect(runClock(clock, client.putRecord(put))).rejects.toMatchObject({
      code: 'too-large',
      outcome: 'unknown',
    })
  })
})

describe('options that cannot be', () => {
  const rows = [
    { name: 'an endpoint that is no URL', options: { endpoint: 'localhost:4567' }, text: /found "localhost:4567"/ },
    { name: 'an endpoint of another scheme', options: { endpoint: 'ftp://x' }, text: /such as http/ },
    { name: 'keys in the endpoint', options: { endpoint: 'http://user:hush@kinesis.test' }, text: /kinesis.test/ },
    { name: 'no region', options: { region: '' }, text: /such as us-east-1, found ""/ },
  ]
  for (const { name, options, text } of rows)
    it(`are a SettingsError: ${name}`, () => {
      const make = () => new KinesisClient({ endpoint: 'http://kinesis.test', region: 'r', credentials, ...options })
      expect(make).toThrow(text)
      expect(make).not.toThrow('hush')
      expect(make).toThrow(expect.objectContaining({ name: 'SettingsError' }))
    })
})

describe('close', () => {
  it('refuses later calls, may be called twice, and leaves a transport that was handed in open', async () => {
    const { client, transport } = scripted([])
    await client.close()
    await client[Symbol.asyncDispose]()
    await expect(client.putRecord(put)).rejects.toMatchObject({ code: 'client-closed', outcome: 'not-done' })
    expect(transport.closed).toBe(false)
  })
})
