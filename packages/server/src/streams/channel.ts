/**
 * Channels of a stream: what is to deliver its records to a destination. They are managed in full, and deliver nothing
 * yet: each ends up FAILED, and says so. Plain data, like consumers.
 */
import type { ChannelDescription } from '@millrace/protocol'

import type { Stream } from './stream.ts'
import type { Tags } from './tags.ts'

/** What a caller says of a channel, in the words of the wire, with every default filled in. */
export type ChannelSettings = Pick<
  ChannelDescription,
  | 'ServiceExecutionRoleARN'
  | 'S3DestinationConfiguration'
  | 'S3TablesDestinationConfiguration'
  | 'EncryptionConfiguration'
  | 'LoggingConfiguration'
> & { readonly RecordConfiguration: ChannelDescription['StreamConfigurationList'][number]['RecordConfiguration'] }

export interface Channel {
  /** Made once, never again: the end of its ARN. */
  readonly id: string
  readonly name: string
  readonly status: 'CREATING' | 'UPDATING' | 'DELETING' | 'FAILED'
  readonly createdMs: number
  /** When the status was taken on, ms since the epoch. */
  readonly sinceMs: number
  readonly settings: ChannelSettings
  readonly tags: Tags
  /** The resource policy, as it was put. */
  readonly policy?: string
}

/** By id. */
export type Channels = ReadonlyMap<string, Channel>

export const noChannels: Channels = new Map()

export function destinationOf({ settings }: Channel): 'S3' | 'S3_TABLES' {
  return settings.S3DestinationConfiguration === undefined ? 'S3_TABLES' : 'S3'
}

/** The stream with the channel added or replaced. */
export function withChannel(stream: Stream, channel: Channel): Stream {
  return { ...stream, channels: new Map([...stream.channels, [channel.id, channel]]) }
}

export function withoutChannel(stream: Stream, { id }: Channel): Stream {
  const channels = new Map(stream.channels)
  channels.delete(id)
  return { ...stream, channels }
}

/** The stream with every channel taken on whose status was shown long enough; the same stream if there is none. */
export function advanceChannels(stream: Stream, nowMs: number, isShownSince: (sinceMs: number) => boolean): Stream {
  let result = stream
  for (const channel of stream.channels.values()) {
    if (channel.status === 'FAILED' || !isShownSince(channel.sinceMs)) continue
    result =
      channel.status === 'DELETING'
        ? withoutChannel(result, channel)
        : withChannel(result, { ...channel, status: 'FAILED', sinceMs: nowMs })
  }
  return result
}
