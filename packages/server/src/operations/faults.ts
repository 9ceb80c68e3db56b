/**
 * Errors that several operations raise, with the texts of the real service (KINESIS.md §7, §9, §12). Where its text is
 * unknown ours says so in a comment.
 */
import { KinesisError, type PutRecordsResult, shardIdOf } from '@millrace/protocol'

import type { Stream, StreamKey } from '../streams/stream.ts'

export function streamNotFound({ name, account }: StreamKey): KinesisError {
  return new KinesisError('ResourceNotFoundException', `Stream ${name} under account ${account} not found.`)
}

/** For control operations; `shardId` is printed as it was given when it names no shard at all. */
export function shardNotFound(shardId: string, { name, account }: StreamKey): KinesisError {
  return new KinesisError(
    'ResourceNotFoundException',
    `Could not find shard ${shardId} in stream ${name} under account ${account}.`,
  )
}

/** For GetShardIterator and GetRecords, which say this of a missing stream too. */
export function shardDoesNotExist(shard: number, { name, account }: StreamKey): KinesisError {
  return new KinesisError(
    'ResourceNotFoundException',
    `Shard ${shardIdOf(shard)} in stream ${name} under account ${account} does not exist`,
  )
}

export function notActive({ name, account, status }: Stream): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `Stream ${name} under account ${account} not ACTIVE, instead in state ${status}`,
  )
}

export function invalidArgument(message: string): KinesisError {
  return new KinesisError('InvalidArgumentException', message)
}

/** For StartStreamEncryption and StopStreamEncryption, which take nothing else. AWS's text is unknown. */
export function encryptionIsKms(): KinesisError {
  return invalidArgument('EncryptionType must be KMS.')
}

export function shardQuotaExceeded(
  { account, region }: { readonly account: string; readonly region: string },
  counts: { readonly current: number; readonly limit: number; readonly additional: number },
): KinesisError {
  return new KinesisError(
    'LimitExceededException',
    `This request would exceed the shard limit for the account ${account} in ${region}. ` +
      `Current shard count for the account: ${counts.current}. Limit: ${counts.limit}. ` +
      `Number of additional shards that would have resulted from this request: ${counts.additional}. ` +
      'Refer to the AWS Service Limits page ' +
      '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) ' +
      'for current limits and how to request higher limits.',
  )
}

/** Constraints that the operation checks, reported in the form of those that the schema declares. At least one. */
export function constraintsViolated(parts: readonly string[]): KinesisError {
  // AWS: at most ten are reported.
  const shown = parts.slice(0, 10)
  return new KinesisError(
    'ValidationException',
    `${shown.length} validation error${shown.length === 1 ? '' : 's'} detected: ${shown.join('; ')}`,
  )
}

/** AWS's text is unknown. */
export function dryRun(): KinesisError {
  return new KinesisError('DryRunOperationException', 'Request would have succeeded, but the DryRun flag is set.')
}

/** The engine could not do it, or nobody knows whether it did. The wire says no more; our log line does. */
export function internalFailure(): KinesisError {
  return new KinesisError('InternalFailure')
}

export function alreadyResharded(shard: { readonly number: number }, { name, account }: StreamKey): KinesisError {
  return invalidArgument(
    `Shard ${shardIdOf(shard.number)} in stream ${name} under account ${account} has already been merged or split, ` +
      'and thus is not eligible for merging or splitting.',
  )
}

/** AWS's text is unknown. */
export function autoDistributionOfProvisioned(): KinesisError {
  return invalidArgument('RecordDistributionStrategy AUTO is only allowed for streams in ON_DEMAND mode.')
}

/** The text of a throttled write, for the whole call or for one record of it. */
export function writeRateExceeded(shard: { readonly number: number }, { name, account }: StreamKey): string {
  return `Rate exceeded for shard ${shardIdOf(shard.number)} in stream ${name} under account ${account}.`
}

/** What PutRecords says of one record that was not stored. */
export function recordFailure(
  code: 'ProvisionedThroughputExceededException' | 'InternalFailure',
  shard: { readonly number: number },
  stream: StreamKey,
): PutRecordsResult {
  const isThrottled = code === 'ProvisionedThroughputExceededException'
  return { ErrorCode: code, ErrorMessage: isThrottled ? writeRateExceeded(shard, stream) : 'Internal service failure.' }
}

export function readRateExceeded({ number }: { readonly number: number }, { account, name }: StreamKey): KinesisError {
  return new KinesisError(
    'ProvisionedThroughputExceededException',
    `Rate exceeded for Shard - ${account}/${name}/${shardIdOf(number)}`,
  )
}

/** Times as Java prints them: `Thu Jan 22 01:22:02 UTC 2015`. */
export function iteratorExpired(issuedMs: number, nowMs: number): KinesisError {
  return new KinesisError(
    'ExpiredIteratorException',
    `Iterator expired. The iterator was created at time ${javaTime(issuedMs)} while right now it is ` +
      `${javaTime(nowMs)} which is further in the future than the tolerated delay of 300000 milliseconds.`,
  )
}

function javaTime(ms: number): string {
  // Thu, 22 Jan 2015 01:22:02 GMT
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(ms).toUTCString().split(' ')
  return `${weekday.slice(0, 3)} ${month} ${day} ${time} UTC ${year}`
}
