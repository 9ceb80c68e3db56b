/** CreateLeases on the wire: its input; it answers nothing. */
import { ownOperation } from '../operation.ts'
import { type Infer, required, structure } from '../schema/schema.ts'
import { ApplicationName, NewLeases } from './shapes.ts'

const Input = structure('CreateLeasesInput', {
  ApplicationName: required(ApplicationName),
  Leases: required(NewLeases),
})

/** Stores the leases whose keys are not there yet, and leaves the others as they are. */
export const CreateLeases = ownOperation('CreateLeases', {
  input: Input,
  errors: ['AccessDeniedException', 'LimitExceededException', 'InternalFailureException'],
})

export type CreateLeasesInput = Infer<typeof Input>
