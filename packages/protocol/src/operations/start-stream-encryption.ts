/** StartStreamEncryption on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { EncryptionType, KeyId, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('StartStreamEncryptionInput', {
  StreamName,
  EncryptionType: required(EncryptionType),
  KeyId: required(KeyId),
  StreamARN,
  StreamId,
})

/** Seals what is written to a stream from now on. Again with a key: the next records are sealed under that one. */
export const StartStreamEncryption = operation('StartStreamEncryption', {
  input: Input,
  errors: [
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'KMSDisabledException',
    'KMSInvalidStateException',
    'KMSAccessDeniedException',
    'KMSNotFoundException',
    'KMSOptInRequired',
    'KMSThrottlingException',
    'AccessDeniedException',
  ],
})

export type StartStreamEncryptionInput = Infer<typeof Input>
export type StartStreamEncryptionOutput = void
