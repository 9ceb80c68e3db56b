/**
 * What clients of a service saw, as plain events in the order in which they saw it. Nothing here knows who wrote them
 * down: the simulated world does, and whoever drives a real server or a cluster can. The checker reads nothing else.
 *
 * Every event carries the bounds between which the service's own idea of the time may lie, because records expire by
 * that and not by the clients' clocks.
 */

/** Where the chain of pages began that a reader is in. */
export type Origin =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'; readonly sequenceNumber: string }
  /** The place was chosen between the two: what is stored later may be of an earlier time, where a clock was set back. */
  | {
      readonly type: 'AT_TIMESTAMP'
      readonly timestampMs: number
      readonly calledAt?: number
      readonly answeredAt?: number
    }
  /** The place was chosen between these two moments (indexes of events). */
  | { readonly type: 'LATEST'; readonly calledAt: number; readonly answeredAt: number }

export interface PutEntry {
  readonly key: string
  /** The hash that decides on the shard: that of the key, or the explicit one. */
  readonly hash: bigint
  /** Told apart by it: no two records of a history carry the same, but one that is sent again does. */
  readonly data: string
}

/** `refused`: certainly not stored. `unknown`: may be stored, now or until the service has ended the request. */
export type PutOutcome = { readonly shardId: string; readonly sequenceNumber: string } | 'refused' | 'unknown'

export interface SeenRecord {
  readonly sequenceNumber: string
  readonly key: string
  readonly data: string
  readonly timeMs: number
}

export interface SeenShard {
  readonly shardId: string
  /** Names the shard for ever: ids begin anew with each stream of a name, these numbers do not. */
  readonly starting: string
  /** Present when it is closed. */
  readonly ending: string | undefined
  readonly firstHash: bigint
  readonly lastHash: bigint
  readonly parents: readonly string[]
}

export type Outcome = 'done' | 'refused' | 'unknown'

export type HistoryEvent =
  | { readonly kind: 'put'; readonly stream: string; readonly request: number; readonly entries: readonly PutEntry[] }
  | { readonly kind: 'put-answer'; readonly request: number; readonly outcomes: readonly PutOutcome[] }
  | { readonly kind: 'create' | 'delete'; readonly stream: string; readonly call: number }
  | { readonly kind: 'retention'; readonly stream: string; readonly call: number; readonly hours: number }
  | { readonly kind: 'answer'; readonly call: number; readonly outcome: Outcome }
  /** All of a stream's shards that are listed. `isFresh`: the server asked hears of every change. */
  | {
      readonly kind: 'shards'
      readonly stream: string
      readonly calledAt: number
      readonly shards: readonly SeenShard[]
      readonly isFresh: boolean
      /** No change is under way: the open shards must partition the key space. */
      readonly isQuiet: boolean
    }
  /** One filtered list, held against the whole one that was read in the same quiet moment. */
  | {
      readonly kind: 'filtered'
      readonly stream: string
      readonly filter: string
      readonly shardIds: readonly string[]
      readonly expected: readonly string[]
    }
  | {
      readonly kind: 'page'
      readonly stream: string
      /** `starting` of the shard. */
      readonly shard: string
      readonly calledAt: number
      readonly origin: Origin
      /** The last record of the pages before this one in its chain. */
      readonly after: string | undefined
      readonly records: readonly SeenRecord[]
      readonly behindMs: number
      /** There is no next iterator; then the ids of the children, ascending. */
      readonly children: readonly string[] | undefined
    }
  /** An iterator was used; ages by the service's clock, at least and at most. */
  | {
      readonly kind: 'iterator'
      readonly ageMinMs: number
      readonly ageMaxMs: number
      readonly answer: 'taken' | 'expired' | 'invalid'
      /** It was changed on the way. */
      readonly isForged: boolean
    }
  /** Who sees it has read every shard listed, each to its tip or end. `absent`: there is no such stream. */
  | { readonly kind: 'whole'; readonly stream: string; readonly calledAt: number; readonly state: 'read' | 'absent' }
  | { readonly kind: 'life'; readonly reason: string }
  /** Something answered in a way it may not. */
  | { readonly kind: 'complaint'; readonly what: string }

/** The service may take the time for anything between the two, ms since the epoch. */
export interface TimeBounds {
  readonly earliestMs: number
  readonly latestMs: number
}

export type StampedEvent = HistoryEvent & { readonly time: TimeBounds }

export class History {
  readonly events: StampedEvent[] = []
  readonly #time: () => TimeBounds

  constructor(time: () => TimeBounds) {
    this.#time = time
  }

  /** The index that the next event gets: a moment, for `calledAt`. */
  get now(): number {
    return this.events.length
  }

  add(event: HistoryEvent): void {
    this.events.push(Object.assign(event, { time: this.#time() }))
  }
}
