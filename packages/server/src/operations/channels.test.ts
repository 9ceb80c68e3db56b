import {
  CreateChannel,
  CreateStream,
  DeleteChannel,
  DescribeChannel,
  ListChannels,
  UpdateChannel,
  streamArn,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { ACCOUNT, REGION, ServiceHarness } from '../testing/service-harness.ts'

const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 's' })
const bucket = { BucketARN: 'arn:aws:s3:::records', ExpectedBucketOwner: ACCOUNT }

async function withChannel(statusDelayMs: number) {
  const harness = await ServiceHarness.open({ settings: { statusDelayMs } })
  await harness.call(CreateStream, { StreamName: 's', StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
  await harness.advance(statusDelayMs * 2, 100)
  const { ChannelDescription } = await harness.call(CreateChannel, {
    ChannelName: 'c',
    ServiceExecutionRoleARN: `arn:aws:iam::${ACCOUNT}:role/deliver`,
    StreamConfigurationList: [{ StreamARN, RecordConfiguration: { RecordFormatType: 'BYTE_ARRAY' } }],
    S3DestinationConfiguration: { StorageConfiguration: { ...bucket, CompressionType: 'NONE' } },
  })
  const { ChannelARN } = ChannelDescription
  const status = async (): Promise<string> => {
    const described = await harness.call(DescribeChannel, { ChannelARN })
    return described.ChannelDescription.ChannelStatus
  }
  return { harness, ChannelARN, status }
}

describe('channels with a status delay', () => {
  it('are CREATING, then FAILED; UPDATING, then FAILED again; DELETING, then gone', async () => {
    const { harness, ChannelARN, status } = await withChannel(1000)
    await using _ = harness
    const update = { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } }
    expect(await status()).toBe('CREATING')
    expect(await harness.fault(UpdateChannel, update)).toContain('ResourceInUseException')
    await harness.advance(1200, 100)
    expect(await status()).toBe('FAILED')
    await harness.call(UpdateChannel, update)
    expect(await status()).toBe('UPDATING')
    await harness.advance(1200, 100)
    expect(await status()).toBe('FAILED')
    await harness.call(DeleteChannel, { ChannelARN })
    await harness.call(DeleteChannel, { ChannelARN })
    expect(await status()).toBe('DELETING')
    await harness.advance(1200, 100)
    expect(await harness.fault(DescribeChannel, { ChannelARN })).toContain('ResourceNotFoundException')
  })
})

describe('channels', () => {
  it('lose none of two updates at once', async () => {
    const { harness, ChannelARN } = await withChannel(0)
    await using _ = harness
    await using other = await ServiceHarness.open({ memory: harness.memory, clock: harness.clock, seed: 2 })
    const LoggingConfiguration = { CloudWatchLogs: { Enabled: true } }
    const S3DestinationConfiguration = { DataFreshnessInSeconds: 900 }
    await Promise.all([
      harness.call(UpdateChannel, { ChannelARN, LoggingConfiguration }),
      other.call(UpdateChannel, { ChannelARN, S3DestinationConfiguration }),
    ])
    const { ChannelDescription } = await harness.call(DescribeChannel, { ChannelARN })
    expect(ChannelDescription).toMatchObject({ LoggingConfiguration, S3DestinationConfiguration })
  })

  it('outlive the service, and are known to other servers', async () => {
    const { harness, ChannelARN } = await withChannel(0)
    await using _ = harness
    await using other = await ServiceHarness.open({ memory: harness.memory, clock: harness.clock, seed: 2 })
    const { ChannelSummaries } = await other.call(ListChannels, {})
    expect(ChannelSummaries.map((channel) => channel.ChannelARN)).toEqual([ChannelARN])
    await other.call(DeleteChannel, { ChannelARN })
    expect((await harness.call(ListChannels, {})).ChannelSummaries).toEqual([])
  })
})
