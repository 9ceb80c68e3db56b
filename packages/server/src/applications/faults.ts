/** Refusals of the lease API. AWS has none: the texts are ours, in the manner of those for streams. */
import { KinesisError } from '@millrace/protocol'

import type { ApplicationKey } from './documents.ts'

export function applicationNotFound({ name, account }: ApplicationKey): KinesisError {
  return new KinesisError('ResourceNotFoundException', `Application ${name} under account ${account} not found.`)
}

export function applicationInUse({ name, account }: ApplicationKey, workers: number): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `Application ${name} under account ${account} has ${workers} live worker${workers === 1 ? '' : 's'}. ` +
      'Stop them first, or delete it with Force.',
  )
}

/** One more of what there are too many of already. */
export function tooMany(what: string, { name, account }: ApplicationKey, limit: number): KinesisError {
  return new KinesisError(
    'LimitExceededException',
    `This request would exceed the limit on ${what} of application ${name} under account ${account}. Limit: ${limit}.`,
  )
}
