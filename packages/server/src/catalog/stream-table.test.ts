import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Channel } from '../streams/channel.ts'
import type { Consumer } from '../streams/consumer.ts'
import type { OnDemand, Stream, StreamChange, StreamKey, StreamStatus } from '../streams/stream.ts'
import { evenStream } from '../testing/even-stream.ts'
import type { StreamRoot } from './documents.ts'
import { StreamTable } from './stream-table.ts'

const [ACCOUNT, REGION] = ['123456789012', 'us-east-1']
const ON_DEMAND: OnDemand = { warmMiBps: 0, distribution: 'USER_PARTITION_KEY', peaks: [] }
/** Two shards become one. */
const MERGE: StreamChange = {
  kind: 'reshard',
  sinceMs: 0,
  parents: [0, 1],
  children: [{ number: 2, ref: 9, range: { start: 0n, end: 1n } }],
}
const SCALING: StreamChange = { ...MERGE, scaling: { target: 50, firstShard: 2, firstRef: 9, shards: 60 } }

const streamName = fc.constantFrom('a', 'B', 'c', 'c.', '_')
const statuses: readonly StreamStatus[] = ['CREATING', 'ACTIVE', 'UPDATING', 'DELETING']
const someRoot = fc.record({
  status: fc.constantFrom(...statuses),
  openShards: fc.integer({ min: 2, max: 9 }),
  onDemand: fc.constantFrom(undefined, ON_DEMAND),
  change: fc.constantFrom(undefined, MERGE, SCALING),
})
const itemStatus = fc.option(fc.constantFrom('CREATING', 'ACTIVE'), { nil: undefined })
const step = fc.oneof(
  fc.record({ kind: fc.constant('root'), name: streamName, root: fc.option(someRoot, { nil: undefined }) }),
  fc.record({ kind: fc.constant('consumer'), name: streamName, item: fc.constantFrom('x', 'y'), status: itemStatus }),
  fc.record({ kind: fc.constant('channel'), name: streamName, item: fc.constantFrom('x', 'y'), status: itemStatus }),
)

type Root = typeof someRoot extends fc.Arbitrary<infer T> ? T : never

/** Of a stream of four shards. */
function rootOf(key: StreamKey, { status, openShards, onDemand, change }: Root): StreamRoot {
  const { pages: _pages, consumers: _consumers, channels: _channels, ...settings } = evenStream(4, 0)
  return {
    ...settings,
    ...key,
    status,
    openShards,
    ...(onDemand === undefined ? {} : { onDemand }),
    ...(change === undefined ? {} : { change }),
  }
}

function openShardsToBe({ status, openShards, change }: Stream): number {
  if (status === 'DELETING') return 0
  if (change === MERGE) return Math.max(openShards, openShards - 1)
  return change === SCALING ? Math.max(openShards, 50) : openShards
}

describe('the table of streams', () => {
  it('knows what there is in all, and the names, as if it counted and sorted them each time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = new StreamTable()
        for (const one of steps) {
          const key = { account: ACCOUNT, region: REGION, name: one.name }
          if ('root' in one) table.setRoot(key, one.root === undefined ? undefined : rootOf(key, one.root))
          else if ('item' in one) {
            const item = one.status === undefined ? undefined : ({ status: one.status } as Consumer & Channel)
            table.setItem(key, one.kind === 'consumer' ? 'consumers' : 'channels', one.item, item)
          }
          const streams = [...table.all()]
          const staying = streams.filter((stream) => stream.status !== 'DELETING')
          const consumers = streams.flatMap((stream) => [...stream.consumers.values()])
          expect(table.totals(ACCOUNT, REGION)).toEqual({
            openShards: streams.reduce((sum, stream) => sum + openShardsToBe(stream), 0),
            onDemandStreams: staying.filter(({ onDemand }) => onDemand !== undefined).length,
            creatingStreams: streams.filter((stream) => stream.status === 'CREATING').length,
            deletingStreams: streams.length - staying.length,
            creatingConsumers: consumers.filter((consumer) => consumer.status === 'CREATING').length,
            channels: streams.reduce((sum, { channels }) => sum + channels.size, 0),
          })
          const names = streams.map((stream) => stream.name).sort()
          const listed = (after: string, max: number): string[] =>
            table.list(ACCOUNT, REGION, after, max).map((stream) => stream.name)
          expect(listed('', Infinity)).toEqual(names)
          expect(listed('a', 2)).toEqual(names.filter((each) => each > 'a').slice(0, 2))
          const withChannels = streams.filter(({ channels }) => channels.size > 0).map((stream) => stream.name)
          expect(new Set(table.withChannels(ACCOUNT, REGION).map((stream) => stream.name))).toEqual(
            new Set(withChannels),
          )
        }
      }),
    )
  })
})
