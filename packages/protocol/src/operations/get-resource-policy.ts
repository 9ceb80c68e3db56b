/** GetResourcePolicy on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { Policy, ResourceARN, StreamId } from './shapes.ts'

const Input = structure('GetResourcePolicyInput', {
  ResourceARN: required(ResourceARN),
  StreamId,
})

const Output = structure('GetResourcePolicyOutput', {
  Policy: required(Policy),
})

/** The policy of a resource as it was put; `{}` if it has none. */
export const GetResourcePolicy = operation('GetResourcePolicy', {
  input: Input,
  output: Output,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type GetResourcePolicyInput = Infer<typeof Input>
export type GetResourcePolicyOutput = Infer<typeof Output>
