/**
 * What a request needs to be allowed: actions, each on one resource (KINESIS.md §22). An operation that no table names
 * needs the action of its own name on the stream, consumer or other resource that the input names.
 */
import {
  applicationArn,
  applicationOperations,
  type ChannelAddress,
  channelArn,
  consumerArn,
  parseChannelArn,
  parseConsumerArn,
  parseStreamArn,
  streamArn,
} from '@millrace/protocol'

import type { Catalog } from '../../catalog/catalog.ts'
import { consumerSecond } from '../../streams/consumer.ts'
import { listTokenState } from '../../streams/list-token.ts'
import type { TokenSeal } from '../../streams/sealed-token.ts'
import { iteratorStream } from '../../streams/shard-iterator.ts'
import type { StreamKey } from '../../streams/stream.ts'
import type { Tags } from '../../streams/tags.ts'

/** What an access is about. */
export interface Target {
  /** Its canonical ARN, or `*`. */
  readonly resource: string
  /** 12 digits: whose it is. */
  readonly account: string
  /** What its policy and tags belong to: the same object for as long as neither changes. */
  readonly labels?: Labels
}

interface Labels {
  readonly tags: Tags
  readonly policy?: string
}

export interface RequiredAccess {
  /** `kinesis:PutRecord`. */
  readonly action: string
  readonly target: Target
}

/** What inputs have that says what they are about. */
export interface NamingInput {
  readonly StreamName?: string
  readonly StreamARN?: string
  readonly ConsumerName?: string
  readonly ConsumerARN?: string
  readonly ChannelARN?: string
  readonly ApplicationName?: string
  /** Of a channel to be made. */
  readonly StreamConfigurationList?: readonly { readonly StreamARN: string }[]
  readonly ResourceARN?: string
  readonly ShardIterator?: string
  readonly NextToken?: string
  readonly Tags?: Tags
  readonly TagKeys?: readonly string[]
}

/** Where resources are looked up, and for whom. */
export interface Lookup {
  /** The caller's: of what is named without an account. */
  readonly account: string
  readonly region: string
  readonly catalog: Pick<Catalog, 'find' | 'withChannels'>
  readonly seal: TokenSeal
}

/** Actions that a policy can only allow on `*`. */
const onNoResource: ReadonlySet<string> = new Set([
  'DescribeAccountSettings',
  'DescribeLimits',
  'DisableEnhancedMonitoring',
  'EnableEnhancedMonitoring',
  'ListChannels',
  'ListStreams',
  'UpdateAccountSettings',
  'UpdateShardCount',
  'UpdateStreamMode',
])

/** Operations on a consumer that may be named by its stream's ARN and its own name. */
const onConsumers: ReadonlySet<string> = new Set([
  'DeregisterStreamConsumer',
  'DescribeStreamConsumer',
  'SubscribeToShard',
])

/** Never empty. */
export function requiredAccess(operation: string, input: NamingInput, lookup: Lookup): readonly RequiredAccess[] {
  if (applicationOperations.has(operation)) return [applicationAccess(operation, input, lookup)]
  if (operation === 'CreateChannel') return channelAccess(input, lookup)
  const target = targetOf(operation, input, lookup)
  const own = { action: `kinesis:${operation}`, target }
  if (input.Tags === undefined || Object.keys(input.Tags).length === 0) return [own]
  if (operation === 'CreateStream') return [own, { action: 'kinesis:AddTagsToStream', target }]
  if (operation === 'RegisterStreamConsumer')
    return [own, { action: 'kinesis:TagResource', target: unknownConsumer(input, target) }]
  return [own]
}

function targetOf(operation: string, input: NamingInput, lookup: Lookup): Target {
  const { account, region } = lookup
  const { StreamName, StreamARN, ConsumerName, ConsumerARN, ChannelARN, ResourceARN } = input
  const { ShardIterator, NextToken } = input
  if (onNoResource.has(operation)) return { resource: '*', account }
  if (operation === 'GetRecords') {
    const stream = iteratorStream(lookup.seal, ShardIterator ?? '')
    // What is no iterator at any time is refused by the operation, and tells nothing.
    return stream === undefined ? ofNothing(StreamARN, lookup) : streamTarget(stream, lookup)
  }
  if (operation === 'ListShards' && NextToken !== undefined) {
    const stream = listTokenState<StreamKey>(lookup.seal, operation, NextToken)
    return stream === undefined ? ofNothing(StreamARN, lookup) : streamTarget(stream, lookup)
  }
  const arn = ResourceARN ?? ConsumerARN ?? ChannelARN
  if (arn !== undefined) return targetOfArn(arn, lookup)
  if (StreamARN !== undefined) {
    const stream = parseStreamArn(StreamARN)
    if (stream === undefined) return ofNothing(StreamARN, lookup)
    return onConsumers.has(operation) && ConsumerName !== undefined
      ? consumerTarget(stream, ConsumerName, undefined, lookup)
      : streamTarget(stream, lookup)
  }
  if (StreamName !== undefined) return streamTarget({ account, region, name: StreamName }, lookup)
  return { resource: '*', account }
}

function targetOfArn(arn: string, lookup: Lookup): Target {
  const stream = parseStreamArn(arn)
  if (stream !== undefined) return streamTarget(stream, lookup)
  const channel = parseChannelArn(arn)
  if (channel !== undefined) return channelTarget(channel, lookup)
  const consumer = parseConsumerArn(arn)
  if (consumer === undefined) return ofNothing(arn, lookup)
  return consumerTarget(consumer.stream, consumer.consumer, consumer.createdS, lookup)
}

/** What the text names is in no world: the operation says so, to whom it may. */
function ofNothing(text: string | undefined, { account }: Lookup): Target {
  return { resource: text ?? '*', account }
}

/** In canonical form: an ARN of another partition names the same stream, and must meet the same policies. */
function streamTarget({ account, region, name }: StreamKey, { catalog }: Lookup): Target {
  const key = { account, region, name }
  const stream = catalog.find(key)
  return { resource: streamArn(key), account, ...(stream === undefined ? {} : { labels: stream }) }
}

function consumerTarget(key: StreamKey, name: string, createdS: number | undefined, { catalog }: Lookup): Target {
  const { account } = key
  const consumer = catalog.find(key)?.consumers.get(name)
  const isMeant = consumer !== undefined && (createdS === undefined || createdS === consumerSecond(consumer))
  if (!isMeant) return { resource: consumerPrefix(streamArn(key), name) + String(createdS ?? '*'), account }
  const resource = consumerArn({ stream: key, consumer: name, createdS: consumerSecond(consumer) })
  return { resource, account, labels: consumer }
}

function channelTarget(address: ChannelAddress, { catalog }: Lookup): Target {
  const { account, region, id } = address
  for (const { channels } of catalog.withChannels(account, region)) {
    const channel = channels.get(id)
    if (channel !== undefined) return { resource: channelArn(address), account, labels: channel }
  }
  return { resource: channelArn(address), account }
}

/** Of Millrace's own: there is one for each operation, on the application it names. */
function applicationAccess(
  operation: string,
  { ApplicationName: name }: NamingInput,
  { account, region }: Lookup,
): RequiredAccess {
  const resource = name === undefined ? '*' : applicationArn({ account, region, name })
  return { action: `millrace:${operation}`, target: { resource, account } }
}

/** A channel that is about to be made has no id yet; its stream is asked for as well. */
function channelAccess(
  { StreamConfigurationList = [], Tags = {} }: NamingInput,
  lookup: Lookup,
): readonly RequiredAccess[] {
  const { account, region } = lookup
  const target = { resource: channelArn({ account, region, id: '*' }), account }
  return [
    { action: 'kinesis:CreateChannel', target },
    ...StreamConfigurationList.map(({ StreamARN }) => ({
      action: 'kinesis:AssociateStreamsWithChannel',
      target: targetOfArn(StreamARN, lookup),
    })),
    ...(Object.keys(Tags).length === 0 ? [] : [{ action: 'kinesis:TagResource', target }]),
  ]
}

/** One that is about to be registered: nobody can know the second that will be in its ARN. */
function unknownConsumer({ ConsumerName = '' }: NamingInput, { resource, account }: Target): Target {
  return { resource: `${consumerPrefix(resource, ConsumerName)}*`, account }
}

function consumerPrefix(stream: string, name: string): string {
  return `${stream}/consumer/${name}:`
}
