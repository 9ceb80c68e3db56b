/** Amazon Resource Names of streams, of their registered consumers, of channels, and of Millrace's applications. */

export interface StreamAddress {
  /** Twelve digits. */
  readonly account: string
  readonly region: string
  readonly name: string
}

/** Beginnings of region names, and the partition of such regions. Source: the partitions of the AWS SDKs. */
const PARTITIONS: readonly (readonly [string, string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
  ['us-iso-', 'aws-iso'],
  ['us-isob-', 'aws-iso-b'],
  ['eu-isoe-', 'aws-iso-e'],
  ['us-isof-', 'aws-iso-f'],
  ['eusc-', 'aws-eusc'],
]

/** Which of AWS's partitions a region is in; `aws` for one that AWS does not have. */
export function partitionOf(region: string): string {
  return PARTITIONS.find(([start]) => region.startsWith(start))?.[1] ?? 'aws'
}

/** The canonical name of a stream for the outside. */
export function streamArn({ account, region, name }: StreamAddress): string {
  return `arn:${partitionOf(region)}:kinesis:${region}:${account}:stream/${name}`
}

/** Any partition (`aws`, `aws-cn`, …). `undefined` if it is not the name of a stream. */
export function parseStreamArn(arn: string): StreamAddress | undefined {
  const match = /^arn:aws[^:]*:kinesis:([^:]*):(\d{12}):stream\/([a-zA-Z0-9_.-]{1,128})$/.exec(arn)
  if (match === null) return undefined
  const [, region = '', account = '', name = ''] = match
  return { account, region, name }
}

export interface ConsumerAddress {
  readonly stream: StreamAddress
  readonly consumer: string
  /** When it was registered, whole seconds since the epoch: tells it from an earlier one of the name. */
  readonly createdS: number
}

/** The canonical name of a registered consumer for the outside. */
export function consumerArn({ stream, consumer, createdS }: ConsumerAddress): string {
  return `${streamArn(stream)}/consumer/${consumer}:${createdS}`
}

/** Any partition. `undefined` if it is not the name of a registered consumer. */
export function parseConsumerArn(arn: string): ConsumerAddress | undefined {
  const match = /^(.*)\/consumer\/([a-zA-Z0-9_.-]{1,128}):(0|[1-9]\d{0,14})$/.exec(arn)
  const stream = parseStreamArn(match?.[1] ?? '')
  if (match === null || stream === undefined) return undefined
  return { stream, consumer: match[2] ?? '', createdS: Number(match[3]) }
}

export interface ChannelAddress {
  /** Twelve digits. */
  readonly account: string
  readonly region: string
  readonly id: string
}

/** The canonical name of a channel for the outside. */
export function channelArn({ account, region, id }: ChannelAddress): string {
  return `arn:${partitionOf(region)}:kinesis:${region}:${account}:channel/${id}`
}

/** Any partition. `undefined` if it is not the name of a channel. */
export function parseChannelArn(arn: string): ChannelAddress | undefined {
  const match = /^arn:aws[^:]*:kinesis:([^:]*):(\d{12}):channel\/([a-zA-Z0-9-]{1,64})$/.exec(arn)
  if (match === null) return undefined
  const [, region = '', account = '', id = ''] = match
  return { account, region, id }
}

/** Of an application of the lease API; `name` may be `*`. Not AWS's. */
export function applicationArn({ account, region, name }: StreamAddress): string {
  return `arn:${partitionOf(region)}:millrace:${region}:${account}:application/${name}`
}
