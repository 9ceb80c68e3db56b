/**
 * From a record's key to the open shard that takes it. One table for each set of shards, made when it is first asked
 * for; the search itself is the protocol's, so that a client can predict it.
 */
import { HashKeyRouter } from '@millrace/protocol'
import { assert } from '@millrace/std'

import type { Shard } from './shard.ts'
import { openShardsOf, type ShardPages } from './stream.ts'

export class RoutingTable {
  readonly #shards: readonly Shard[]
  readonly #router: HashKeyRouter
  #turn = 0

  /** `shards`: open shards that partition the key space. */
  constructor(shards: Iterable<Shard>) {
    this.#shards = [...shards].sort((a, b) => (a.range.start < b.range.start ? -1 : 1))
    this.#router = new HashKeyRouter(this.#shards.map((shard) => shard.range.start))
  }

  /** `explicitHash` replaces the hash of the partition key. */
  find(partitionKey: string, explicitHash: bigint | undefined): Shard {
    const at = explicitHash === undefined ? this.#router.route(partitionKey) : this.#router.routeHashKey(explicitHash)
    const shard = this.#shards[at]
    assert(shard !== undefined, 'the open shards cover the key space')
    return shard
  }

  /** For records that are placed whatever their keys: each shard in its turn. */
  next(): Shard {
    const shard = this.#shards[this.#turn]
    assert(shard !== undefined, 'a stream has an open shard')
    this.#turn = (this.#turn + 1) % this.#shards.length
    return shard
  }
}

const tables = new WeakMap<ShardPages, RoutingTable>()

/** The open shards of a stream. Only its shards matter: a stream whose settings change keeps its table. */
export function routingOf(stream: { readonly pages: ShardPages }): RoutingTable {
  const known = tables.get(stream.pages)
  if (known !== undefined) return known
  const table = new RoutingTable(openShardsOf(stream))
  tables.set(stream.pages, table)
  return table
}
