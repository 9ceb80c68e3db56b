import { ListShards, PutRecord } from '@millrace/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { KinesisClient } from './client.ts'
import type { KinesisClientOptions } from './client-options.ts'
import { type FakeEndpoint, fakeEndpoint, type FakeEndpointOptions, testCredentials } from './testing/fake-endpoint.ts'
import { localhostCertificate } from './testing/localhost-certificate.ts'

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function start(
  endpoint: FakeEndpointOptions,
  options: Partial<KinesisClientOptions> = {},
): Promise<{ client: KinesisClient; endpoint: FakeEndpoint }> {
  const server = await fakeEndpoint(endpoint)
  const client = new KinesisClient({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: testCredentials,
    ca: localhostCertificate.cert,
    ...options,
  })
  open.push(server, client)
  return { client, endpoint: server }
}

const put = { StreamName: 'orders', PartitionKey: 'a', Data: new Uint8Array([1, 2, 3]) }
const stored = { SequenceNumber: '17', ShardId: 'shardId-000000000000' }

describe('KinesisClient', () => {
  const connections = [
    { name: 'HTTP/1.1', protocol: 'http1', httpVersion: 'auto', spoken: '1.1' },
    { name: 'HTTP/2 with prior knowledge', protocol: 'h2c', httpVersion: '2', spoken: '2.0' },
    { name: 'TLS that agrees on HTTP/2', protocol: 'tls', httpVersion: 'auto', spoken: '2.0' },
    { name: 'TLS that only has HTTP/1.1', protocol: 'tls-http1', httpVersion: 'auto', spoken: '1.1' },
    { name: 'TLS, told to speak HTTP/1.1', protocol: 'tls', httpVersion: '1.1', spoken: '1.1' },
  ] as const

  for (const { name, protocol, httpVersion, spoken } of connections)
    for (const codec of ['json', 'cbor'] as const)
      it(`sends a signed ${codec} request and decodes its answer over ${name}`, async () => {
        const { client, endpoint } = await start(
          { protocol, verifyAt: () => Date.now(), answer: () => ({ output: stored }) },
          { codec, httpVersion },
        )
        expect(await client.send(PutRecord, put)).toEqual(stored)
        expect(endpoint.seen).toMatchObject([{ operation: 'PutRecord', codec, httpVersion: spoken }])
        const inputs = endpoint.seen.map(({ input }) => [...(input as typeof put).Data])
        expect(inputs).toEqual([[1, 2, 3]])
      })

  it('has a method for each operation', async () => {
    const { client, endpoint } = await start({ answer: () => ({ output: { Shards: [] } }) })
    expect(await client.listShards({ StreamName: 'orders' })).toEqual({ Shards: [] })
    expect(endpoint.seen[0]?.operation).toBe(ListShards.name)
  })
})
