/** What may be done to a stream so many times in a rolling day. Stored with the stream, so that a restart forgets none. */
import { KinesisError } from '@millrace/protocol'

import type { StreamKey } from '../streams/stream.ts'

const DAY_MS = 86_400_000

/** Of UpdateShardCount. AWS's, as those that follow. */
export const SCALINGS_PER_DAY = 10
/** Of UpdateStreamMode. */
export const MODE_CHANGES_PER_DAY = 2
/** Of StartStreamEncryption, and of StopStreamEncryption. */
export const ENCRYPTION_CHANGES_PER_DAY = 25

interface DailyCount {
  readonly operation: string
  readonly max: number
  readonly stream: StreamKey
  readonly nowMs: number
}

/** The times of the last day, with now; none where nothing is counted. Throws LimitExceededException when there are `max` already. */
export function countToday(
  atMs: readonly number[] = [],
  { operation, max, stream, nowMs }: DailyCount,
): readonly number[] {
  if (max === Infinity) return []
  const recent = atMs.filter((at) => nowMs - at < DAY_MS)
  if (recent.length < max) return [...recent, nowMs]
  // AWS's text is unknown.
  throw new KinesisError(
    'LimitExceededException',
    `${operation} can be called at most ${max} times in 24 hours for stream ${stream.name} under account ` +
      `${stream.account}.`,
  )
}
