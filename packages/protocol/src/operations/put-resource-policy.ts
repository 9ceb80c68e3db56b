/** PutResourcePolicy on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { Policy, ResourceARN, StreamId } from './shapes.ts'

const Input = structure('PutResourcePolicyInput', {
  ResourceARN: required(ResourceARN),
  StreamId,
  Policy: required(Policy),
})

/** Gives a resource a policy in place of what it had. */
export const PutResourcePolicy = operation('PutResourcePolicy', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type PutResourcePolicyInput = Infer<typeof Input>
export type PutResourcePolicyOutput = void
