import { describe, expect, it } from 'vitest'
import {
  channelArn,
  consumerArn,
  parseChannelArn,
  parseConsumerArn,
  parseStreamArn,
  partitionOf,
  streamArn,
} from './arn.ts'

const address = { account: '123456789012', region: 'eu-west-1', name: 'a.b-c_D1' }

describe('stream ARNs', () => {
  it('name account, region and stream', () => {
    expect(streamArn(address)).toBe('arn:aws:kinesis:eu-west-1:123456789012:stream/a.b-c_D1')
    expect(parseStreamArn(streamArn(address))).toEqual(address)
  })

  it.each([
    ['us-east-1', 'aws'],
    ['edge-1', 'aws'],
    ['cn-northwest-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['us-iso-east-1', 'aws-iso'],
    ['us-isob-east-1', 'aws-iso-b'],
    ['us-isof-south-1', 'aws-iso-f'],
    ['eu-isoe-west-1', 'aws-iso-e'],
    ['eusc-de-east-1', 'aws-eusc'],
  ])('have the partition of their region: %s is in %s', (region, partition) => {
    expect(partitionOf(region)).toBe(partition)
    const arn = streamArn({ ...address, region })
    expect(arn.startsWith(`arn:${partition}:kinesis:${region}:`)).toBe(true)
    expect(parseStreamArn(arn)).toEqual({ ...address, region })
  })

  it('may belong to another partition', () => {
    expect(parseStreamArn('arn:aws-cn:kinesis:cn-north-1:123456789012:stream/s')).toEqual({
      account: '123456789012',
      region: 'cn-north-1',
      name: 's',
    })
  })

  it.each([
    'arn:aws:kinesis:eu-west-1:12345678901:stream/s',
    'arn:aws:kinesis:eu-west-1:123456789012:stream/s/consumer/c:1',
    'arn:aws:kinesis:eu-west-1:123456789012:stream/',
    `arn:aws:kinesis:eu-west-1:123456789012:stream/${'s'.repeat(129)}`,
    'arn:aws:sqs:eu-west-1:123456789012:stream/s',
    's',
  ])('are refused where they name no stream: %s', (arn) => {
    expect(parseStreamArn(arn)).toBeUndefined()
  })
})

describe('consumer ARNs', () => {
  const consumer = { stream: address, consumer: 'c.1', createdS: 1_700_000_000 }

  it('name the stream, the consumer and when it was registered', () => {
    expect(consumerArn(consumer)).toBe('arn:aws:kinesis:eu-west-1:123456789012:stream/a.b-c_D1/consumer/c.1:1700000000')
    expect(parseConsumerArn(consumerArn(consumer))).toEqual(consumer)
  })

  it.each([
    streamArn(address),
    `${streamArn(address)}/consumer/c`,
    `${streamArn(address)}/consumer/c:01`,
    `${streamArn(address)}/consumer/c/d:1`,
    `${streamArn(address)}/consumer/c:1/consumer/d:1`,
    'arn:aws:kinesis:eu-west-1:123456789012:channel/x/consumer/c:1',
  ])('are refused where they name no consumer: %s', (arn) => {
    expect(parseConsumerArn(arn)).toBeUndefined()
  })
})

describe('channel ARNs', () => {
  it('name account, region and id', () => {
    const channel = { account: '123456789012', region: 'eu-west-1', id: 'abc123' }
    expect(channelArn(channel)).toBe('arn:aws:kinesis:eu-west-1:123456789012:channel/abc123')
    expect(parseChannelArn(channelArn(channel))).toEqual(channel)
  })

  it.each(['arn:aws:kinesis:eu-west-1:123456789012:channel/', 'arn:aws:kinesis:eu-west-1:123456789012:channel/a/b'])(
    'are refused where they name no channel: %s',
    (arn) => {
      expect(parseChannelArn(arn)).toBeUndefined()
    },
  )
})
