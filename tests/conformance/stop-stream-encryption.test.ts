import {
  GetRecordsCommand,
  PutRecordCommand,
  StartStreamEncryptionCommand,
  StopStreamEncryptionCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { bytes, createStream, iteratorAt } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const key = { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' } as const

describe('StopStreamEncryption', () => {
  onEveryEngine((service) => {
    it('leaves each record as it was stored: who reads is told of each', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const put = (text: string) =>
        service.sdk.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: bytes(text) }))
      await put('before')
      await service.sdk.send(new StartStreamEncryptionCommand({ StreamName, ...key }))
      await put('while')
      await service.sdk.send(new StopStreamEncryptionCommand({ StreamARN: service.streamArn(StreamName), ...key }))
      expect(await put('after')).not.toHaveProperty('EncryptionType')
      const ShardIterator = await iteratorAt(service.sdk, StreamName, 'shardId-000000000000')
      const { Records } = await service.sdk.send(new GetRecordsCommand({ ShardIterator }))
      expect(Records?.map(({ Data, EncryptionType }) => [Buffer.from(Data ?? []).toString(), EncryptionType])).toEqual([
        ['before', undefined],
        ['while', 'KMS'],
        ['after', undefined],
      ])
    })

    it('refuses a stream that is not there', async () => {
      const call = service.sdk.send(new StopStreamEncryptionCommand({ StreamName: 'nobody', ...key }))
      expect(await refusal(call)).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
