/** RemoveLeases on the wire: its input; it answers nothing. */
import { ownOperation } from '../operation.ts'
import { type Infer, required, structure } from '../schema/schema.ts'
import { ApplicationName, LeaseTerms } from './shapes.ts'

const Input = structure('RemoveLeasesInput', {
  ApplicationName: required(ApplicationName),
  Leases: required(LeaseTerms),
})

/** Takes leases away, each if its stored epoch is the one named. */
export const RemoveLeases = ownOperation('RemoveLeases', {
  input: Input,
  errors: ['ResourceNotFoundException', 'AccessDeniedException', 'LimitExceededException', 'InternalFailureException'],
})

export type RemoveLeasesInput = Infer<typeof Input>
