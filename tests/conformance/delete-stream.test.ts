import {
  DeleteStreamCommand,
  DescribeStreamCommand,
  GetRecordsCommand,
  ListStreamConsumersCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { register } from './support/consumers.ts'
import { bytes, createStream, iteratorAt } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DeleteStream', () => {
  onEveryEngine((service) => {
    it('ends the stream, its iterators and its records; the name is free again', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const put = await service.sdk.send(
        new PutRecordCommand({ StreamName: name, Data: bytes('old'), PartitionKey: 'k' }),
      )
      const ShardIterator = await iteratorAt(service.sdk, name, 'shardId-000000000000')
      await service.sdk.send(new DeleteStreamCommand({ StreamName: name }))
      expect(await refusal(service.sdk.send(new DescribeStreamCommand({ StreamName: name })))).toEqual(
        streamNotFound(service, name),
      )
      expect(await refusal(service.sdk.send(new GetRecordsCommand({ ShardIterator })))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Shard shardId-000000000000 in stream ${name} under account ${service.account} does not exist`,
        status: 400,
      })
      await createStream(service.sdk, name)
      const fresh = await service.sdk.send(
        new GetRecordsCommand({ ShardIterator: await iteratorAt(service.sdk, name, 'shardId-000000000000') }),
      )
      expect(fresh.Records).toEqual([])
      const refused = await refusal(
        iteratorAt(service.sdk, name, 'shardId-000000000000', 'AT_SEQUENCE_NUMBER', {
          StartingSequenceNumber: put.SequenceNumber ?? '',
        }),
      )
      expect(refused.message).toMatch(/is invalid because it did not come from this stream\.$/)
    })

    it('is refused while there are consumers, unless they are to go with it', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const StreamARN = service.streamArn(StreamName)
      await register(service, StreamARN, 'a')
      for (const input of [{ StreamName }, { StreamARN, EnforceConsumerDeletion: false }])
        expect(await refusal(service.sdk.send(new DeleteStreamCommand(input)))).toEqual({
          name: 'ResourceInUseException',
          message:
            `DeleteStream can't delete ${service.account}:${StreamName} because there are consumers associated with this ` +
            `data stream. To delete ${StreamName} anyway, set the EnforceConsumerDeletion parameter to true to force ` +
            'the deletion of all the consumers that are associated with it.',
          status: 400,
        })
      await service.sdk.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }))
      // A stream of the same name has none of them.
      await createStream(service.sdk, StreamName)
      expect((await service.sdk.send(new ListStreamConsumersCommand({ StreamARN }))).Consumers).toEqual([])
    })

    it('refuses a stream that is not there', async () => {
      expect(await refusal(service.sdk.send(new DeleteStreamCommand({ StreamName: 'nobody' })))).toEqual(
        streamNotFound(service, 'nobody'),
      )
    })
  })
})
