/** A position as typed, as a lease can be at it. */
import { extendedSequenceNumber, type InitialPosition, type SeekOptions } from '@millrace/consumer'
import { usageError } from '../exit-code.ts'
import type { StartPosition } from '../values/position.ts'

/** Throws a usage error for a sequence number to begin with: a checkpoint is the last record that is done with. */
export function seekPosition(position: StartPosition): SeekOptions['to'] {
  if (position.kind !== 'sequence') return initialPosition(position)
  if (position.after) return { after: extendedSequenceNumber(position.sequenceNumber) }
  throw usageError(
    'a checkpoint is the last record that is done with',
    'say after:<sequence number>; what comes next is processed first',
  )
}

export function initialPosition(position: Exclude<StartPosition, { readonly kind: 'sequence' }>): InitialPosition {
  if (position.kind === 'time') return { timeMs: position.timeMs }
  return position.kind === 'latest' ? 'latest' : 'oldest'
}
