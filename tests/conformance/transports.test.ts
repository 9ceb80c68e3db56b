/** One port for everything: the SDK as it comes (h2c), over HTTP/1.1 and over TLS, and both encodings by hand. */
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  PutRecordCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, textsOf } from './support/records.ts'
import { onEveryEngine } from './support/service.ts'
import { h2Post, openSession, post } from './support/wire.ts'

describe('the port', () => {
  onEveryEngine((service) => {
    it('serves the SDK as it comes, many calls at once', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const puts = Array.from({ length: 64 }, (_, i) =>
        service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes(String(i)), PartitionKey: String(i) })),
      )
      expect(new Set((await Promise.all(puts)).map((put) => put.SequenceNumber)).size).toBe(64)
    })

    it('serves the SDK over HTTP/1.1', async () => {
      const sdk = service.newClient('http/1.1')
      const name = await createStream(sdk, service.streamName())
      await sdk.send(new PutRecordsCommand({ StreamName: name, Records: [{ Data: bytes('x'), PartitionKey: 'k' }] }))
      expect(await textsOf(sdk, name, 'shardId-000000000000')).toEqual(['x'])
      sdk.destroy()
    })

    it('serves the SDK over TLS', async ({ skip }) => {
      skip(!service.ours, 'speaks TLS at the port of plain HTTP, as Millrace does')
      const sdk = service.newClient('tls')
      const name = service.streamName()
      await sdk.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }))
      const { StreamDescriptionSummary } = await sdk.send(new DescribeStreamSummaryCommand({ StreamName: name }))
      expect(StreamDescriptionSummary?.StreamStatus).toBe('ACTIVE')
      sdk.destroy()
    })

    it('serves HTTP/2 over TLS, agreed by ALPN', async ({ skip }) => {
      skip(!service.ours, 'speaks TLS at the port of plain HTTP, as Millrace does')
      const session = await openSession(service.endpoint.replace('http:', 'https:'), { rejectUnauthorized: false })
      expect(session.alpnProtocol).toBe('h2')
      const answers = await Promise.all(Array.from({ length: 20 }, () => h2Post(session, service, 'ListStreams', '{}')))
      expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 20 }, () => 200))
      session.close()
    })

    it('ignores path and query', async () => {
      for (const path of ['/any/where', '/service/Kinesis_20131202/operation/ListStreams', '/?a=b#c']) {
        const target = { ...service, endpoint: `${service.endpoint}${path}` }
        expect((await post(target, 'DescribeLimits', '{}')).status).toBe(200)
      }
    })

    it('dates every answer, gives it two ids and its exact length', async () => {
      for (const [operation, body] of [
        ['ListStreams', '{}'],
        ['DescribeStream', '{"StreamName":"nobody"}'],
        ['Nothing', '{}'],
        ['ListStreams', ''],
      ] as const) {
        const { headers, body: answer } = await post(service, operation, body)
        expect(headers.get('content-length')).toBe(String(answer.length))
        expect(headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        expect(Buffer.from(headers.get('x-amz-id-2') ?? '', 'base64').length).toBeGreaterThanOrEqual(64)
        expect(Math.abs(Date.parse(headers.get('date') ?? '') - Date.now())).toBeLessThan(60_000)
      }
    })

    it('answers a void operation with no byte', async () => {
      const StreamName = service.streamName()
      const calls: [string, object][] = [
        ['CreateStream', { StreamName, ShardCount: 1 }],
        ['AddTagsToStream', { StreamName, Tags: { a: 'b' } }],
        ['SplitShard', { StreamName, ShardToSplit: '0', NewStartingHashKey: '1000' }],
        ['MergeShards', { StreamName, ShardToMerge: '1', AdjacentShardToMerge: '2' }],
        ['DeleteStream', { StreamName }],
      ]
      for (const [operation, input] of calls) {
        const { status, headers, body } = await post(service, operation, JSON.stringify(input))
        expect([operation, status, headers.get('content-length'), body.length]).toEqual([operation, 200, '0', 0])
        if (operation !== 'DeleteStream') await service.settled({ StreamName })
      }
    })

    it('passes over members that it does not know, of another case, and null', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const input = { StreamName, streamName: 3, Strange: { deep: [1] }, Limit: null, ExclusiveStartShardId: null }
      expect((await post(service, 'DescribeStream', JSON.stringify(input))).status).toBe(200)
    })

    it('answers CBOR to CBOR: blobs as bytes, times as tagged milliseconds', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('cbor!'), PartitionKey: 'k' }))
      const cbor = { 'content-type': 'application/x-amz-cbor-1.1' }
      // {"StreamName": name, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}
      const text = (value: string): number[] => [0x78, value.length, ...Buffer.from(value)]
      const request = Buffer.from([
        0xa3,
        ...text('StreamName'),
        ...text(name),
        ...text('ShardId'),
        ...text('0'),
        ...text('ShardIteratorType'),
        ...text('TRIM_HORIZON'),
      ])
      const first = await post(service, 'GetShardIterator', request, cbor)
      expect(first.headers.get('content-type')).toBe('application/x-amz-cbor-1.1')
      const iterator = /A{10}[A-Za-z0-9+/=]+/.exec(first.body.toString('latin1'))?.[0] ?? ''
      const long = [0x79, iterator.length >> 8, iterator.length & 0xff, ...Buffer.from(iterator)]
      const second = await post(service, 'GetRecords', Buffer.from([0xa1, ...text('ShardIterator'), ...long]), cbor)
      expect(second.status).toBe(200)
      expect(second.body.includes(Buffer.concat([Buffer.from([0x45]), Buffer.from('cbor!')]))).toBe(true)
      // Tag 1 around an eight-byte integer.
      expect(second.body.includes(Buffer.from([0xc1, 0x1b, 0x00, 0x00, 0x01]))).toBe(true)
    })

    it('speaks of errors in the encoding of the request', async () => {
      const missing = await post(
        service,
        'DescribeStream',
        Buffer.from([0xa1, 0x6a, ...Buffer.from('StreamName'), 0x66, ...Buffer.from('nobody')]),
        {
          'content-type': 'application/x-amz-cbor-1.1',
        },
      )
      expect(missing.status).toBe(400)
      expect(missing.body.toString('latin1')).toContain('ResourceNotFoundException')
      expect(missing.body.toString('latin1')).toContain(`Stream nobody under account ${service.account} not found.`)
    })
  })
})
