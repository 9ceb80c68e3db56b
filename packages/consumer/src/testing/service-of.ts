/** A service of several streams in memory. Those that it does not have are not found. */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import type { StreamService } from '../service.ts'
import { type ServiceTroubles, SimulatedStream } from './simulated-stream.ts'

/** Default: without troubles. */
export function serviceOf(
  streams: readonly SimulatedStream[],
  troubles: ServiceTroubles = { throttled: 0, broken: 0 },
  random = seededRandom(1),
): StreamService {
  const services = new Map(streams.map((stream) => [stream.name, stream.service(troubles, random)]))
  const none = Object.assign(new SimulatedStream('none', 1, new VirtualClock()), { isDeleted: true })
  const absent = none.service(troubles, random)
  const named = (name = ''): StreamService => services.get(name) ?? absent
  /** Of the stream or one of its consumers. */
  const ofArn = (arn = ''): StreamService => named(arn.split('/')[1])
  const [first = absent] = services.values()
  return {
    // They have one clock.
    ...first,
    describeStreamSummary: (input) => named(input.StreamName).describeStreamSummary(input),
    listShards: (input) => named(input.StreamName).listShards(input),
    getShardIterator: async (input) => {
      const { ShardIterator } = await named(input.StreamName).getShardIterator(input)
      return { ShardIterator: `${input.StreamName} ${ShardIterator}` }
    },
    getRecords: async (input) => {
      const [name = '', ShardIterator = ''] = input.ShardIterator.split(' ')
      const page = await named(name).getRecords({ ...input, ShardIterator })
      const next = page.NextShardIterator
      return next === undefined ? page : { ...page, NextShardIterator: `${name} ${next}` }
    },
    describeStreamConsumer: (input) => ofArn(input.StreamARN).describeStreamConsumer(input),
    registerStreamConsumer: (input) => ofArn(input.StreamARN).registerStreamConsumer(input),
    subscribeToShard: (input, options) => ofArn(input.ConsumerARN).subscribeToShard(input, options),
  }
}
