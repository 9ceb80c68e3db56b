/** DeleteApplication on the wire: its input; it answers nothing. */
import { ownOperation } from '../operation.ts'
import { boolean, type Infer, required, structure } from '../schema/schema.ts'
import { ApplicationName } from './shapes.ts'

const Input = structure('DeleteApplicationInput', {
  ApplicationName: required(ApplicationName),
  /** Also while workers live: the next beat of one makes it anew, without leases. */
  Force: boolean(),
})

/** Deletes an application with its leases and checkpoints. */
export const DeleteApplication = ownOperation('DeleteApplication', {
  input: Input,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'AccessDeniedException',
    'LimitExceededException',
    'InternalFailureException',
  ],
})

export type DeleteApplicationInput = Infer<typeof Input>
