/**
 * A reader that follows a whole stream as a registered consumer, by subscriptions, through reshards, and through the
 * death of the server: each goes on from the last continuation number that came. It notes what came, shard by shard.
 */
import { type KinesisClient, KinesisServiceError } from '@millrace/client'
import { type ChildShard, ListShards } from '@millrace/protocol'

export class Follower {
  /** Records as they came, in the form of `lineOf`. */
  readonly seen = new Map<string, string[]>()
  /** Called after each event. */
  onEvent: () => void = () => {}
  readonly #client: KinesisClient
  readonly #consumerArn: string
  readonly #signal: AbortSignal
  readonly #ended = new Set<string>()
  readonly #followed = new Set<string>()
  readonly #parents = new Map<string, readonly string[]>()

  constructor(client: KinesisClient, consumerArn: string, signal: AbortSignal) {
    this.#client = client
    this.#consumerArn = consumerArn
    this.#signal = signal
  }

  /** Resolves when all that it follows has ended, which is when it was aborted. */
  async follow(stream: string): Promise<void> {
    const { Shards = [] } = await this.#client.send(ListShards, { StreamName: stream })
    await Promise.all(Shards.map(({ ShardId }) => this.#begin(ShardId, [])))
  }

  async #begin(shard: string, parents: readonly string[]): Promise<void> {
    this.#parents.set(shard, parents)
    const isReady = parents.every((parent) => this.#ended.has(parent))
    if (!isReady || this.#followed.has(shard)) return
    this.#followed.add(shard)
    const children = await this.#read(shard)
    this.#ended.add(shard)
    await Promise.all(children.map(({ ShardId, ParentShards }) => this.#begin(ShardId, ParentShards)))
  }

  /** To the end of the shard. */
  async #read(shard: string): Promise<readonly ChildShard[]> {
    const lines: string[] = []
    this.seen.set(shard, lines)
    let continuation: string | undefined
    while (!this.#signal.aborted) {
      const StartingPosition =
        continuation === undefined
          ? ({ Type: 'TRIM_HORIZON' } as const)
          : ({ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: continuation } as const)
      const input = { ConsumerARN: this.#consumerArn, ShardId: shard, StartingPosition }
      try {
        for await (const event of this.#client.subscribeToShard(input, { signal: this.#signal, retry: 'none' })) {
          for (const { SequenceNumber, Data } of event.Records)
            lines.push(lineOf(SequenceNumber, Buffer.from(Data).toString().trimEnd()))
          this.onEvent()
          if (event.ContinuationSequenceNumber === undefined) return event.ChildShards ?? []
          continuation = event.ContinuationSequenceNumber
        }
      } catch (error) {
        if (this.#signal.aborted) break
        // The server is being killed, or the place is taken for a while. Anything else is a finding.
        const isExpected =
          !(error instanceof KinesisServiceError) || error.type === 'ResourceInUseException' || error.retryable
        if (!isExpected) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    return []
  }
}

export function lineOf(sequenceNumber: string, text: string): string {
  return `${sequenceNumber} ${text}`
}
