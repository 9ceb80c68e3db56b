/** DeleteResourcePolicy on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ResourceARN, StreamId } from './shapes.ts'

const Input = structure('DeleteResourcePolicyInput', {
  ResourceARN: required(ResourceARN),
  StreamId,
})

/** Takes the policy of a resource away. */
export const DeleteResourcePolicy = operation('DeleteResourcePolicy', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type DeleteResourcePolicyInput = Infer<typeof Input>
export type DeleteResourcePolicyOutput = void
