import { KinesisError, UpdateChannel, type UpdateChannelInput } from '@millrace/protocol'

import { type Channel, type ChannelSettings, destinationOf, withChannel } from '../streams/channel.ts'
import { assertFreshness, channelNotFound, describeChannel, getChannel } from './channel-lookup.ts'
import { invalidArgument } from './faults.ts'
import { handle } from './operation.ts'

/** Changes how fresh a channel delivers, and where it logs. The texts of refusals are ours: AWS's are unknown. */
export const updateChannel = handle(UpdateChannel, async (input, service, context) => {
  const found = getChannel(input.ChannelARN, service, context)
  const stream = await service.catalog.change(found.stream, context.deadlineMs, (now) => {
    const channel = now?.channels.get(found.channel.id)
    if (now === undefined || channel === undefined) throw channelNotFound(input.ChannelARN, context.account)
    if (channel.status !== 'FAILED') {
      throw new KinesisError(
        'ResourceInUseException',
        `Channel ${channel.name} under account ${context.account} cannot be updated in state ${channel.status}.`,
      )
    }
    const settings = changedSettings(channel, input)
    const status = service.statusDelayMs === 0 ? channel.status : 'UPDATING'
    return { stream: withChannel(now, { ...channel, settings, status, sinceMs: service.clock.now() }) }
  })
  const updated = stream?.channels.get(found.channel.id) ?? found.channel
  // As AWS answers, also where there is no status delay.
  return { ChannelDescription: describeChannel(stream ?? found.stream, { ...updated, status: 'UPDATING' }) }
})

function changedSettings(channel: Channel, input: UpdateChannelInput): ChannelSettings {
  const { S3DestinationConfiguration: s3, S3TablesDestinationConfiguration: tables, LoggingConfiguration } = input
  if (s3 === undefined && tables === undefined && LoggingConfiguration === undefined)
    throw invalidArgument('There is nothing to update.')
  const { settings } = channel
  const { S3DestinationConfiguration: ofS3, S3TablesDestinationConfiguration: ofTables } = settings
  if ((s3 !== undefined && ofS3 === undefined) || (tables !== undefined && ofTables === undefined))
    throw invalidArgument(`Channel ${channel.name} delivers to ${destinationOf(channel)}.`)
  const freshness = s3 ?? tables
  if (freshness !== undefined) assertFreshness(freshness.DataFreshnessInSeconds)
  return {
    ...settings,
    ...(ofS3 === undefined ? {} : { S3DestinationConfiguration: { ...ofS3, ...freshness } }),
    ...(ofTables === undefined ? {} : { S3TablesDestinationConfiguration: { ...ofTables, ...freshness } }),
    ...(LoggingConfiguration === undefined ? {} : { LoggingConfiguration }),
  }
}
