/**
 * The life of a shard consumer, pure: its states, what can happen to it, and what follows. Total: a pair of state and event
 * that is not thought of does not compile. Drawn in SPEC.md; `shard-consumer.ts` does what each state is for.
 */
import { assert } from '@millrace/std'

export type ShardConsumerState =
  /** The processor is told where it begins. */
  | 'starting'
  /** Records are read and delivered. */
  | 'processing'
  /** Everything of a closed shard was delivered: its acknowledgement is awaited, then the end is written. */
  | 'ending'
  /** Asked to come to an end: what is in hand is finished, and may be checkpointed. */
  | 'releasing'
  /** The lease is gone: what is in hand is waited for, then the processor is told. */
  | 'losing'
  /** It cannot go on: as when losing, but for a last automatic checkpoint. */
  | 'failing'
  | FinalState

export type FinalState = 'ended' | 'released' | 'lost' | 'failed'

export type ShardConsumerEvent =
  /** `starting`: the processor is ready. */
  | 'started'
  /** `processing`: the end of the shard was read, and everything before it is delivered. */
  | 'drained'
  /** SHARD_END is stored. */
  | 'completed'
  /** What is to be done before an end short of the shard's is done. */
  | 'finished'
  /** Somebody asks for an end: `HeldLease.release`. */
  | 'release'
  /** `HeldLease.lost`. */
  | 'loss'
  /** What does not pass: the policy stops, the shard cannot be read, the store refuses, the processor hangs. */
  | 'failure'

/** No shell may let this happen here. */
const NEVER = undefined

const TRANSITIONS: Record<ShardConsumerState, Record<ShardConsumerEvent, ShardConsumerState | undefined>> = {
  starting: {
    started: 'processing',
    drained: NEVER,
    completed: NEVER,
    finished: NEVER,
    release: 'releasing',
    loss: 'losing',
    failure: 'failing',
  },
  processing: {
    started: NEVER,
    drained: 'ending',
    completed: NEVER,
    finished: NEVER,
    release: 'releasing',
    loss: 'losing',
    failure: 'failing',
  },
  ending: {
    started: NEVER,
    drained: NEVER,
    completed: 'ended',
    finished: NEVER,
    release: 'releasing',
    loss: 'losing',
    failure: 'failing',
  },
  releasing: {
    started: NEVER,
    drained: NEVER,
    // The processor's last checkpoint was the shard's end.
    completed: 'ended',
    finished: 'released',
    release: 'releasing',
    loss: 'losing',
    failure: 'failing',
  },
  losing: {
    started: NEVER,
    drained: NEVER,
    completed: NEVER,
    finished: 'lost',
    release: 'losing',
    loss: 'losing',
    failure: 'losing',
  },
  failing: {
    started: NEVER,
    drained: NEVER,
    completed: NEVER,
    finished: 'failed',
    release: 'failing',
    loss: 'failing',
    failure: 'failing',
  },
  ended: final('ended'),
  released: final('released'),
  lost: final('lost'),
  failed: final('failed'),
}

/** An AssertionError for what can only come of a wrong shell. */
export function transition(state: ShardConsumerState, event: ShardConsumerEvent): ShardConsumerState {
  const next = TRANSITIONS[state][event]
  assert(next !== undefined, `A shard consumer that is ${state} cannot meet "${event}".`)
  return next
}

export function isFinal(state: ShardConsumerState): state is FinalState {
  return state === 'ended' || state === 'released' || state === 'lost' || state === 'failed'
}

/** What is asked of one that has come to its end changes nothing. */
function final(state: FinalState): Record<ShardConsumerEvent, FinalState | undefined> {
  const begun = { started: NEVER, drained: NEVER, completed: NEVER, finished: NEVER }
  return { ...begun, release: state, loss: state, failure: state }
}
