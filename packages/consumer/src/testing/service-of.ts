/** A service of several streams in memory, for who is of the account of the first. Those that it does not have are not found. */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import type { StreamService } from '../service.ts'
import { type ServiceTroubles, SimulatedStream } from './simulated-stream.ts'

interface Named {
  readonly StreamName?: string | undefined
  readonly StreamARN?: string | undefined
}

/** Default: without troubles. */
export function serviceOf(
  streams: readonly SimulatedStream[],
  troubles: ServiceTroubles = { throttled: 0, broken: 0 },
  random = seededRandom(1),
): StreamService {
  const services = new Map(streams.map((stream) => [stream.arn, stream.service(troubles, random)]))
  const none = Object.assign(new SimulatedStream('none', 1, new VirtualClock()), { isDeleted: true })
  const absent = none.service(troubles, random)
  const home = (streams[0]?.arn ?? '').split('/')[0]
  /** By the ARN of the stream or of one of its consumers. */
  const ofArn = (arn: string): StreamService => services.get(arn.split('/', 2).join('/')) ?? absent
  const arnOf = ({ StreamName, StreamARN }: Named): string => StreamARN ?? `${home}/${StreamName}`
  const named = (input: Named): StreamService => ofArn(arnOf(input))
  const [first = absent] = services.values()
  return {
    // They have one clock.
    ...first,
    describeStreamSummary: (input) => named(input).describeStreamSummary(input),
    listShards: (input) => named(input).listShards(input),
    getShardIterator: async (input) => {
      const { ShardIterator } = await named(input).getShardIterator(input)
      return { ShardIterator: `${arnOf(input)} ${ShardIterator}` }
    },
    getRecords: async (input) => {
      const [arn = '', ShardIterator = ''] = input.ShardIterator.split(' ')
      const page = await ofArn(arn).getRecords({ ...input, ShardIterator })
      const next = page.NextShardIterator
      return next === undefined ? page : { ...page, NextShardIterator: `${arn} ${next}` }
    },
    describeStreamConsumer: (input) => named(input).describeStreamConsumer(input),
    registerStreamConsumer: (input) => named(input).registerStreamConsumer(input),
    subscribeToShard: (input, options) => ofArn(input.ConsumerARN).subscribeToShard(input, options),
  }
}
