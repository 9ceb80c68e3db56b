/** StopStreamEncryption on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { EncryptionType, KeyId, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('StopStreamEncryptionInput', {
  StreamName,
  EncryptionType: required(EncryptionType),
  KeyId: required(KeyId),
  StreamARN,
  StreamId,
})

/** Stores what is written to a stream from now on as it is. What was sealed stays sealed. */
export const StopStreamEncryption = operation('StopStreamEncryption', {
  input: Input,
  errors: [
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'AccessDeniedException',
  ],
})

export type StopStreamEncryptionInput = Infer<typeof Input>
export type StopStreamEncryptionOutput = void
