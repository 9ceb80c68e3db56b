/**
 * The refusals of AWS KMS that a local key can give. Texts for keys that are missing or disabled are KMS's own; whether
 * Kinesis passes them on unchanged is unverified, and the others are ours.
 */
import { KinesisError, partitionOf } from '@millrace/protocol'

import type { StreamKey } from '../streams/stream.ts'

type World = Pick<StreamKey, 'account' | 'region'>
/** What KMS is asked for when records are written, or when they are read. */
export type KmsAction = 'GenerateDataKey' | 'Decrypt'

export function keyArn(id: string, { account, region }: World): string {
  return `arn:${partitionOf(region)}:kms:${region}:${account}:key/${id}`
}

export function invalidKeyId(keyId: string): KinesisError {
  return new KinesisError('KMSNotFoundException', `Invalid keyId ${keyId}`)
}

export function keyNotFound(id: string, world: World): KinesisError {
  return new KinesisError('KMSNotFoundException', `Key '${keyArn(id, world)}' does not exist`)
}

export function aliasNotFound(alias: string, { account, region }: World): KinesisError {
  return new KinesisError(
    'KMSNotFoundException',
    `Alias arn:${partitionOf(region)}:kms:${region}:${account}:${alias} is not found.`,
  )
}

export function keyDisabled(id: string, world: World): KinesisError {
  return new KinesisError('KMSDisabledException', `${keyArn(id, world)} is disabled.`)
}

export function keyDoesNotOpen(id: string, stream: StreamKey): KinesisError {
  return new KinesisError(
    'KMSInvalidStateException',
    `${keyArn(id, stream)} has no material that opens the data keys of stream ${stream.name} under account ` +
      `${stream.account}.`,
  )
}

/** `resource`: the key's ARN. */
export function keyDenied(action: KmsAction, resource: string, { account }: World): KinesisError {
  return new KinesisError(
    'KMSAccessDeniedException',
    `User: arn:aws:iam::${account}:root is not authorized to perform: kms:${action} on resource: ${resource}`,
  )
}
