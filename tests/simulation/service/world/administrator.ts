/** Clients that make, change and delete streams, and those that look at them. */
import {
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  IncreaseStreamRetentionPeriod,
  ListShards,
  type ListShardsInput,
  ListStreams,
  MergeShards,
  type Shard,
  SplitShard,
  streamArn,
  UpdateShardCount,
  UpdateStreamMode,
} from '@millrace/protocol'
import { randomBelow } from '@millrace/std'
import type { Outcome, SeenShard } from '../history/events.ts'
import type { KnownStream } from './known-streams.ts'
import { isUnknown, type Reply } from './network.ts'
import { ask, firstServer, type Scene } from './scene.ts'
import { ACCOUNT, REGION } from './server-life.ts'

const OPEN_SHARDS_MAX = 5
const LISTED_SHARDS_MAX = 14
const PAGES_MAX = 100

export class Administrator {
  readonly #scene: Scene
  #calls = 0

  constructor(scene: Scene) {
    this.#scene = scene
  }

  async create(stream: KnownStream): Promise<void> {
    const { random, history } = this.#scene
    const call = ++this.#calls
    stream.begun()
    history.add({ kind: 'create', stream: stream.name, call })
    const ShardCount = 1 + randomBelow(random, 3)
    const reply = await this.#changing(stream, () =>
      ask(this.#scene, CreateStream, { StreamName: stream.name, ShardCount }, { stream }),
    )
    history.add({ kind: 'answer', call, outcome: outcomeOf(reply) })
    if (reply.kind === 'answer') stream.hours = 24
  }

  async delete(stream: KnownStream): Promise<void> {
    const { history } = this.#scene
    const call = ++this.#calls
    stream.begun()
    stream.deletions++
    history.add({ kind: 'delete', stream: stream.name, call })
    const reply = await this.#changing(stream, () =>
      ask(this.#scene, DeleteStream, { StreamName: stream.name }, { stream }),
    )
    history.add({ kind: 'answer', call, outcome: outcomeOf(reply) })
  }

  async changeRetention(stream: KnownStream): Promise<void> {
    const { random, history } = this.#scene
    const call = ++this.#calls
    const hours = [24, 24, 25, 30, 36, 48, 100][randomBelow(random, 7)] ?? 24
    history.add({ kind: 'retention', stream: stream.name, call, hours })
    const operation = hours > stream.hours ? IncreaseStreamRetentionPeriod : DecreaseStreamRetentionPeriod
    const reply = await ask(
      this.#scene,
      operation,
      { StreamName: stream.name, RetentionPeriodHours: hours },
      { stream },
    )
    history.add({ kind: 'answer', call, outcome: outcomeOf(reply) })
    if (reply.kind !== 'refused') stream.hours = hours
  }

  /** Splits a shard, or merges it with its neighbour; or changes the number of shards, or who says it. */
  async reshard(stream: KnownStream): Promise<void> {
    const { random, coverage, plan } = this.#scene
    if (plan.changesModes && random.float() < 0.3) return this.#changeMode(stream)
    const open = stream.shards
      .filter((shard) => shard.ending === undefined)
      .sort((a, b) => (a.firstHash < b.firstHash ? -1 : 1))
    const at = randomBelow(random, Math.max(1, open.length))
    const [shard, next] = [open[at], open[at + 1]]
    if (shard === undefined) return
    const mayGrow = open.length < OPEN_SHARDS_MAX && stream.shards.length < LISTED_SHARDS_MAX
    const splits = mayGrow && (next === undefined || random.float() < 0.55)
    if (!splits && next === undefined) return
    if (plan.scales && stream.shards.length < LISTED_SHARDS_MAX && random.float() < 0.3)
      return this.#scale(stream, open.length)
    const reply = splits
      ? await ask(
          this.#scene,
          SplitShard,
          {
            StreamName: stream.name,
            ShardToSplit: shard.shardId,
            NewStartingHashKey: this.#cutOf(shard).toString(),
          },
          { stream },
        )
      : await ask(
          this.#scene,
          MergeShards,
          {
            StreamName: stream.name,
            ShardToMerge: shard.shardId,
            AdjacentShardToMerge: next?.shardId ?? '',
          },
          { stream },
        )
    if (reply.kind === 'answer') coverage.add(splits ? 'splits' : 'merges')
    else if (isUnknown(reply)) coverage.add('reshards of unknown outcome')
  }

  async #changeMode(stream: KnownStream): Promise<void> {
    const { random, coverage } = this.#scene
    const StreamMode = random.float() < 0.7 ? 'ON_DEMAND' : 'PROVISIONED'
    const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: stream.name })
    const reply = await ask(this.#scene, UpdateStreamMode, { StreamARN, StreamModeDetails: { StreamMode } }, { stream })
    if (reply.kind === 'answer') coverage.add(`changes to ${StreamMode}`)
  }

  async #scale(stream: KnownStream, open: number): Promise<void> {
    const { random, coverage } = this.#scene
    const least = Math.ceil(open / 2)
    const target = least + randomBelow(random, Math.min(OPEN_SHARDS_MAX, open * 2) - least + 1)
    const reply = await ask(
      this.#scene,
      UpdateShardCount,
      { StreamName: stream.name, TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' },
      { stream },
    )
    if (reply.kind === 'answer') coverage.add('scalings')
    else if (isUnknown(reply)) coverage.add('reshards of unknown outcome')
  }

  /** Takes note of all shards. Undefined: no answer; empty: there is no such stream, or not yet. */
  async list(stream: KnownStream, isQuiet = false): Promise<readonly SeenShard[] | undefined> {
    const { random, history, plan } = this.#scene
    const calledAt = history.now
    const { epoch } = stream
    // Of two servers one hears of nothing: only the other's lists are the latest.
    const asksFirst = isQuiet || random.float() < 0.7
    const server = asksFirst ? { server: firstServer(this.#scene) } : {}
    const limit = random.float() < 0.3 ? { MaxResults: 1 + randomBelow(random, 4) } : {}
    const shards: SeenShard[] = []
    let input: ListShardsInput = { StreamName: stream.name, ...limit }
    for (let page = 0; page < PAGES_MAX; page++) {
      const reply = await ask(this.#scene, ListShards, input, { ...server, stream })
      if (isUnknown(reply)) return undefined
      if (reply.kind !== 'answer') return []
      shards.push(...(reply.output.Shards ?? []).map(seen))
      if (reply.output.NextToken === undefined) {
        if (stream.epoch !== epoch) return undefined
        // Pages of one list may lie on both sides of a change.
        if (page === 0 || isQuiet) {
          const isFresh = asksFirst || plan.engine === 'disk'
          history.add({ kind: 'shards', stream: stream.name, calledAt, shards, isFresh, isQuiet })
          // Of a stream that is long gone a server that hears nothing may still tell.
          if (isFresh) stream.shards = shards
        }
        return shards
      }
      input = { NextToken: reply.output.NextToken, ...limit }
    }
    return undefined
  }

  /** While nothing else is under way: whether all ways of looking at a stream agree with its list. */
  async compare(stream: KnownStream, shards: readonly SeenShard[]): Promise<void> {
    const { history } = this.#scene
    const ids = (list: readonly { readonly shardId: string }[]): readonly string[] => list.map(({ shardId }) => shardId)
    const open = shards.filter(({ ending }) => ending === undefined)
    const middle = shards[shards.length >> 1]
    const filters = [
      { name: 'AT_LATEST', filter: { Type: 'AT_LATEST' as const }, expected: ids(open) },
      ...(middle === undefined
        ? []
        : [
            {
              name: `AFTER_SHARD_ID ${middle.shardId}`,
              filter: { Type: 'AFTER_SHARD_ID' as const, ShardId: middle.shardId },
              expected: ids(shards.slice(shards.indexOf(middle) + 1)),
            },
          ]),
    ]
    const server = firstServer(this.#scene)
    for (const { name, filter, expected } of filters) {
      const reply = await ask(
        this.#scene,
        ListShards,
        { StreamName: stream.name, ShardFilter: filter },
        { server, stream },
      )
      if (reply.kind !== 'answer') return
      const shardIds = (reply.output.Shards ?? []).map(({ ShardId }) => ShardId)
      history.add({ kind: 'filtered', stream: stream.name, filter: name, shardIds, expected })
    }
    const described = await ask(this.#scene, DescribeStream, { StreamName: stream.name }, { server, stream })
    if (described.kind !== 'answer') return
    const shardIds = described.output.StreamDescription.Shards.map(({ ShardId }) => ShardId)
    history.add({ kind: 'filtered', stream: stream.name, filter: 'DescribeStream', shardIds, expected: ids(shards) })
  }

  /** `undefined`: no answer. */
  async status(stream: KnownStream): Promise<string | undefined> {
    const server = firstServer(this.#scene)
    const reply = await ask(this.#scene, DescribeStreamSummary, { StreamName: stream.name }, { server, stream })
    if (reply.kind === 'answer') return reply.output.StreamDescriptionSummary.StreamStatus
    return reply.kind === 'refused' ? 'absent' : undefined
  }

  async look(): Promise<void> {
    await ask(this.#scene, ListStreams, { Limit: 1 + randomBelow(this.#scene.random, 3) })
  }

  async #changing<T>(stream: KnownStream, act: () => Promise<T>): Promise<T> {
    stream.isChanging = true
    try {
      return await act()
    } finally {
      stream.isChanging = false
    }
  }

  #cutOf({ firstHash, lastHash }: SeenShard): bigint {
    const { random } = this.#scene
    const width = lastHash - firstHash + 1n
    if (random.float() < 0.7) return firstHash + width / 2n
    return firstHash + (width * BigInt(randomBelow(random, 1_000))) / 1_000n
  }
}

function outcomeOf(reply: Reply<unknown>): Outcome {
  if (reply.kind === 'answer') return 'done'
  return reply.kind === 'refused' ? 'refused' : 'unknown'
}

function seen(shard: Shard): SeenShard {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined)
  return {
    shardId: shard.ShardId,
    starting: shard.SequenceNumberRange.StartingSequenceNumber,
    ending: shard.SequenceNumberRange.EndingSequenceNumber,
    firstHash: BigInt(shard.HashKeyRange.StartingHashKey),
    lastHash: BigInt(shard.HashKeyRange.EndingHashKey),
    parents,
  }
}
