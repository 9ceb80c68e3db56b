import { CHANNELS_PER_ACCOUNT, CreateChannel, type CreateChannelInput, KinesisError } from '@millrace/protocol'

import { parseKeyReference } from '../encryption/master-keys.ts'
import { type Channel, type ChannelSettings, destinationOf, withChannel } from '../streams/channel.ts'
import { assertFreshness, describeChannel } from './channel-lookup.ts'
import { invalidArgument, streamNotFound } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { channelsOf, quotaTurn } from './quotas.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'
import { assertNewTags, assertTagCount } from './tags.ts'

const FRESHNESS_DEFAULT_S = 300
const ID_BYTES = 10

/**
 * Makes a channel. It is stored with all that was said of it, and ends up FAILED: nothing is delivered yet. The texts of
 * refusals are ours: AWS's are unknown.
 */
export const createChannel = handle(CreateChannel, async (input, service, context) => {
  const [configuration, ...others] = input.StreamConfigurationList
  if (configuration === undefined || others.length > 0)
    throw invalidArgument('StreamConfigurationList must have exactly one stream.')
  const key = streamKeyOf({ StreamARN: configuration.StreamARN }, CreateChannel.name, context)
  const stream = service.catalog.find(key)
  if (stream === undefined) throw streamNotFound(key)
  const settings = settingsOf(input)
  if (settings.EncryptionConfiguration !== undefined)
    await service.dataKeys.masterKey(settings.EncryptionConfiguration.KeyId, stream)
  const tags = input.Tags ?? {}
  const owner = { kind: 'channel', name: input.ChannelName, account: context.account } as const
  assertNewTags(owner, tags)
  assertTagCount(owner, tags)

  const nowMs = service.clock.now()
  const channel: Channel = {
    id: Buffer.from(service.random.bytes(ID_BYTES)).toString('hex'),
    name: input.ChannelName,
    status: service.statusDelayMs === 0 ? 'FAILED' : 'CREATING',
    createdMs: nowMs,
    sinceMs: nowMs,
    settings,
    tags,
  }
  const made = await service.catalog.change(key, context.deadlineMs, (now) => {
    if (now === undefined) throw streamNotFound(key)
    assertActive(now)
    if (now.onDemand === undefined) throw invalidArgument('Channels are only allowed for streams in ON_DEMAND mode.')
    assertRoomFor(channel, now.channels.values(), service, context)
    return { stream: withChannel(now, channel), turns: [quotaTurn('channels', context)] }
  })
  // As AWS answers, also where there is no status delay.
  return { ChannelDescription: describeChannel(made ?? stream, { ...channel, status: 'CREATING' }) }
})

function settingsOf(input: CreateChannelInput): ChannelSettings {
  const { S3DestinationConfiguration: s3, S3TablesDestinationConfiguration: tables } = input
  const { EncryptionConfiguration, LoggingConfiguration, StreamConfigurationList } = input
  const [configuration] = StreamConfigurationList
  if ((s3 === undefined) === (tables === undefined)) {
    throw invalidArgument(
      'Exactly one of S3DestinationConfiguration and S3TablesDestinationConfiguration must be specified.',
    )
  }
  if (tables !== undefined && tables.S3TablesConfigurationList.length > 1)
    throw invalidArgument('S3TablesConfigurationList must have exactly one table.')
  const DataFreshnessInSeconds = (s3 ?? tables)?.DataFreshnessInSeconds ?? FRESHNESS_DEFAULT_S
  assertFreshness(DataFreshnessInSeconds)
  const RecordConfiguration = configuration?.RecordConfiguration ?? { RecordFormatType: 'BYTE_ARRAY' }
  if (RecordConfiguration.RecordFormatType === 'GSR_JSON' && RecordConfiguration.GSRSchemaARN === undefined)
    throw invalidArgument('GSRSchemaARN must be specified for RecordFormatType GSR_JSON.')
  if (EncryptionConfiguration !== undefined) {
    const reference = parseKeyReference(EncryptionConfiguration.KeyId)
    if (reference?.name.kind !== 'key' || reference.region === undefined)
      throw invalidArgument('KeyId of a channel must be the ARN of a customer managed key.')
  }
  return {
    ServiceExecutionRoleARN: input.ServiceExecutionRoleARN,
    RecordConfiguration,
    LoggingConfiguration: LoggingConfiguration ?? { CloudWatchLogs: { Enabled: false } },
    ...(EncryptionConfiguration === undefined ? {} : { EncryptionConfiguration }),
    ...(tables === undefined ? {} : { S3TablesDestinationConfiguration: { ...tables, DataFreshnessInSeconds } }),
    ...(s3 === undefined
      ? {}
      : {
          S3DestinationConfiguration: {
            StorageConfiguration: s3.StorageConfiguration,
            // AWS: the destination's own bucket.
            DeadLetterQueueS3Configuration: s3.DeadLetterQueueS3Configuration ?? {
              BucketARN: s3.StorageConfiguration.BucketARN,
              ExpectedBucketOwner: s3.StorageConfiguration.ExpectedBucketOwner,
            },
            DataFreshnessInSeconds,
          },
        }),
  }
}

/** Names are compared with those that this server knows of: two servers may give one name at the same moment. */
function assertRoomFor(
  channel: Channel,
  ofStream: Iterable<Channel>,
  service: ServiceParts,
  context: OperationContext,
): void {
  const all = channelsOf(service, context)
  if (all.some(({ name }) => name === channel.name)) {
    throw new KinesisError(
      'ResourceInUseException',
      `Channel ${channel.name} already exists for account ${context.account}.`,
    )
  }
  if (all.length >= CHANNELS_PER_ACCOUNT) {
    throw new KinesisError(
      'LimitExceededException',
      `This request would exceed the limit of channels for account ${context.account}. Limit: ${CHANNELS_PER_ACCOUNT}.`,
    )
  }
  for (const other of ofStream) {
    if (destinationOf(other) !== destinationOf(channel)) continue
    throw new KinesisError(
      'LimitExceededException',
      `The stream has a channel to ${destinationOf(other)} already: ${other.name}. Limit: 1 of each destination type.`,
    )
  }
}
