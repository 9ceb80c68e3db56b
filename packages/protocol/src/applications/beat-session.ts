/** BeatSession on the wire: its input and what it may answer. */
import { ownOperation } from '../operation.ts'
import { boolean, type Infer, integer, list, required, string, structure } from '../schema/schema.ts'
import { BEAT_WAIT_MAX_MS, SESSION_TTL_MAX_MS, SESSION_TTL_MIN_MS } from './limits.ts'
import { ApplicationName, CapacityMilli, LeaseKey, ServiceLeases, WorkerName, Workers } from './shapes.ts'

const Cursor = string({ min: 1, max: 512 })

const Input = structure('BeatSessionInput', {
  ApplicationName: required(ApplicationName),
  Worker: required(WorkerName),
  TtlMs: required(integer({ min: SESSION_TTL_MIN_MS, max: SESSION_TTL_MAX_MS })),
  WaitMs: integer({ min: 0, max: BEAT_WAIT_MAX_MS }),
  CapacityMilli,
  Cursor,
})

const Output = structure('BeatSessionOutput', {
  Cursor: required(Cursor),
  /** This is the first page of all leases there are; without it, what changed since the cursor. */
  IsComplete: required(boolean()),
  /** There is more to tell at once: ask again with the new cursor. */
  HasMore: required(boolean()),
  Leases: required(ServiceLeases),
  /** Leases that are gone. */
  Removed: required(list(LeaseKey)),
  /** All workers that live. Absent: the same as at the cursor. */
  Workers,
})

/**
 * Keeps a worker's session for `TtlMs`, and tells what changed in its application since the cursor; without one, and
 * with one of another life of the server, everything. Waits up to `WaitMs` (default 0), and half of `TtlMs`, for news: leases made or removed, changes of
 * owner, heir, epoch and pause, workers that come and go. A load ends no wait; checkpoints alone are none.
 */
export const BeatSession = ownOperation('BeatSession', {
  input: Input,
  output: Output,
  errors: ['AccessDeniedException', 'LimitExceededException', 'InternalFailureException'],
})

export type BeatSessionInput = Infer<typeof Input>
export type BeatSessionOutput = Infer<typeof Output>
