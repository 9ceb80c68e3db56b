/** The account's commitment to a minimum of throughput (On-demand Advantage), in the words of the wire. */
import type { MinimumThroughputBillingCommitmentOutput } from '@millrace/protocol'

import { type Commitment, isInForce } from '../catalog/account-settings.ts'

/** AWS: it lasts for a day at least. */
export const COMMITMENT_MIN_MS = 24 * 3_600_000

export function describeCommitment(
  commitment: Commitment | undefined,
  nowMs: number,
): MinimumThroughputBillingCommitmentOutput {
  if (commitment === undefined) return { Status: 'DISABLED' }
  const { startedMs, endMs } = commitment
  if (!isInForce(commitment, nowMs)) return { Status: 'DISABLED', StartedAt: startedMs, EndedAt: endMs }
  return {
    Status: endMs === undefined ? 'ENABLED' : 'ENABLED_UNTIL_EARLIEST_ALLOWED_END',
    StartedAt: startedMs,
    EarliestAllowedEndAt: startedMs + COMMITMENT_MIN_MS,
  }
}

/** A commitment that is in force goes on as it is, also one that was about to end. */
export function enabledCommitment(commitment: Commitment | undefined, nowMs: number): Commitment {
  return { startedMs: isInForce(commitment, nowMs) ? commitment.startedMs : nowMs }
}

/** It ends now, or when the day is over. */
export function disabledCommitment(commitment: Commitment | undefined, nowMs: number): Commitment | undefined {
  if (commitment === undefined || commitment.endMs !== undefined) return commitment
  return { ...commitment, endMs: Math.max(nowMs, commitment.startedMs + COMMITMENT_MIN_MS) }
}
