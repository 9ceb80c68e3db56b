import { encodeEventMessage, operations } from '@millrace/protocol'
import type { Operation } from '@millrace/protocol'
import { type Clock, systemClock } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { KinesisClient } from './client.ts'
import { type FakeEndpoint, fakeEndpoint, testCredentials } from './testing/fake-endpoint.ts'

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

// Any operation will do: the endpoint answers it with a stream. SubscribeToShard comes with its own issue.
const operation = operations.get('DescribeStreamSummary') as Operation

function message(headers: Record<string, string>, payload = ''): Uint8Array {
  return encodeEventMessage({ headers: new Map(Object.entries(headers)), payload: Buffer.from(payload) })
}
const initial = message({ ':event-type': 'initial-response', ':message-type': 'event' }, '{}')
const event = (text: string): Uint8Array =>
  message({ ':event-type': 'Tick', ':content-type': 'application/json', ':message-type': 'event' }, text)

async function subscribe(
  body: AsyncIterable<Uint8Array>,
  {
    protocol = 'http1',
    contentType = 'application/vnd.amazon.eventstream',
    clock = systemClock,
  }: {
    protocol?: 'http1' | 'h2c'
    contentType?: string
    clock?: Clock
  } = {},
): Promise<{ client: KinesisClient; endpoint: FakeEndpoint }> {
  const endpoint = await fakeEndpoint({
    protocol,
    answer: () => ({ status: 200, body, headers: { 'content-type': contentType } }),
  })
  const client = new KinesisClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: testCredentials,
    codec: 'cbor',
    httpVersion: protocol === 'h2c' ? '2' : '1.1',
    timeouts: { silenceTimeoutMs: SILENCE_MS },
    clock,
    retry: 'none',
  })
  open.push(endpoint, client)
  return { client, endpoint }
}

const SILENCE_MS = 10_000

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

/** Sends `parts`, then stays open until the test ends it. */
function held(...parts: readonly Uint8Array[]): { body: AsyncIterable<Uint8Array>; end: () => void } {
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => (end = resolve))
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* parts
    await ended
  }
  return { body: body(), end }
}

async function collect(client: KinesisClient): Promise<string[]> {
  const texts: string[] = []
  for await (const { type, payload } of client.sendEventStream(operation, { StreamName: 's' }))
    texts.push(`${type} ${Buffer.from(payload).toString()}`)
  return texts
}

for (const protocol of ['http1', 'h2c'] as const)
  describe(`sendEventStream over ${protocol}`, () => {
    it('gives the events in order, without the initial response, whatever the pieces they arrive in', async () => {
      const bytes = Buffer.concat([initial, event('1'), event('2'), event('3')])
      const cut = [bytes.subarray(0, 5), bytes.subarray(5, 130), bytes.subarray(130)]
      const { client, endpoint } = await subscribe(chunks(...cut), { protocol })
      expect(await collect(client)).toEqual(['Tick 1', 'Tick 2', 'Tick 3'])
      // In JSON although the client speaks CBOR: AWS answers this call in CBOR with 500.
      expect(endpoint.seen[0]?.codec).toBe('json')
    })

    it('gives an event as soon as it is there, and ends the exchange when the loop is left', async () => {
      const { body, end } = held(initial, event('now'))
      const { client, endpoint } = await subscribe(body, { protocol })
      for await (const { payload } of client.sendEventStream(operation, {})) {
        expect(Buffer.from(payload).toString()).toBe('now')
        break
      }
      // Resolves only if nothing is under way any more.
      await client.close()
      expect(endpoint.seen).toHaveLength(1)
      end()
    })

    it('fails with `aborted` when the caller gives up in mid-stream', async () => {
      const { body, end } = held(initial, event('now'))
      const { client } = await subscribe(body, { protocol })
      const controller = new AbortController()
      const reading = (async () => {
        for await (const _ of client.sendEventStream(operation, {}, { signal: controller.signal })) controller.abort()
      })()
      await expect(reading).rejects.toMatchObject({ name: 'KinesisTransportError', code: 'aborted' })
      end()
    })

    it('outlives the time limit of the call once it has begun, and fails with `timeout` when it falls silent', async () => {
      const { body, end } = held(initial, event('1'))
      const clock = new VirtualClock()
      const { client } = await subscribe(body, { protocol, clock })
      const events = client.sendEventStream(operation, {}, { timeoutMs: 1_000 })
      expect((await events.next()).value?.type).toBe('Tick')
      const next = events.next()
      // Nobody reads the body until the generator has gone on.
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(SILENCE_MS - 1)
      expect(await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 20, 'waiting'))])).toBe('waiting')
      clock.advance(1)
      await expect(next).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' })
      end()
    })
  })

describe('sendEventStream', () => {
  const endings = [
    {
      name: 'a modelled exception',
      last: message(
        {
          ':message-type': 'exception',
          ':exception-type': 'ResourceInUseException',
          ':content-type': 'application/json',
        },
        '{"message":"Another active subscription"}',
      ),
      error: { type: 'ResourceInUseException', retryable: false },
      text: 'Another active subscription',
    },
    {
      name: 'a failure of the service',
      last: message({ ':message-type': 'exception', ':exception-type': 'InternalFailureException' }),
      error: { type: 'InternalFailureException', retryable: true },
      text: 'InternalFailureException',
    },
    {
      name: 'an unmodelled error',
      last: message({ ':message-type': 'error', ':error-code': 'Unlucky', ':error-message': 'No more.' }),
      error: { type: 'Unlucky', retryable: false },
      text: 'No more.',
    },
  ]
  for (const { name, last, error, text } of endings)
    it(`gives the events before ${name}, then throws it`, async () => {
      const { client } = await subscribe(chunks(initial, event('1'), last, event('never')))
      const seen: string[] = []
      const reading = (async () => {
        for await (const { payload } of client.sendEventStream(operation, {}))
          seen.push(Buffer.from(payload).toString())
      })()
      await expect(reading).rejects.toThrow(text)
      await expect(reading).rejects.toMatchObject({ name: 'KinesisServiceError', status: 200, ...error })
      expect(seen).toEqual(['1'])
    })

  const flipped = Buffer.from(event('1'))
  flipped.writeUInt8(flipped.readUInt8(20) ^ 1, 20)
  const rows = [
    { name: 'a damaged message', parts: [initial, flipped], code: 'malformed' },
    { name: 'an end within a message', parts: [initial, event('1').subarray(0, 30)], code: 'closed' },
  ]
  for (const { name, parts, code } of rows)
    it(`fails with \`${code}\` at ${name}`, async () => {
      const { client } = await subscribe(chunks(...parts))
      await expect(collect(client)).rejects.toMatchObject({ name: 'KinesisTransportError', code })
    })

  it('takes no connection from other calls', async () => {
    const { body, end } = held(initial, event('now'))
    const stream = { status: 200, body, headers: { 'content-type': 'application/vnd.amazon.eventstream' } }
    const endpoint = await fakeEndpoint({
      answer: (_request, number) => (number === 1 ? stream : { output: { StreamNames: ['s'], HasMoreStreams: false } }),
    })
    const options = { endpoint: endpoint.url, region: 'us-east-1', credentials: testCredentials, maxSockets: 1 }
    const client = new KinesisClient(options)
    open.push(endpoint, client)
    for await (const _ of client.sendEventStream(operation, {})) {
      expect(await client.listStreams({})).toMatchObject({ StreamNames: ['s'] })
      break
    }
    end()
  })

  it('ends with `client-closed` when the client is closed', async () => {
    const { body, end } = held(initial, event('1'))
    const { client } = await subscribe(body)
    const reading = (async () => {
      for await (const _ of client.sendEventStream(operation, {})) void client.close()
    })()
    await expect(reading).rejects.toMatchObject({ name: 'KinesisTransportError', code: 'client-closed' })
    end()
  })

  it('refuses an answer that is no event stream', async () => {
    const { client } = await subscribe(chunks(Buffer.from('{}')), { contentType: 'application/json' })
    await expect(collect(client)).rejects.toThrow('Expected an event stream')
  })
})
