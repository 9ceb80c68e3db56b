/** UpdateLeases on the wire: its input and what it may answer. */
import { ownOperation } from '../operation.ts'
import { enumeration, type Infer, list, required, structure } from '../schema/schema.ts'
import { ApplicationName, LeaseUpdates, ServiceLease } from './shapes.ts'

const Input = structure('UpdateLeasesInput', {
  ApplicationName: required(ApplicationName),
  Updates: required(LeaseUpdates),
})

const Output = structure('UpdateLeasesOutput', {
  /** In the order of the updates. `Lease` is as it is now; absent: gone. */
  Results: required(
    list(
      structure('LeaseUpdateResult', {
        Outcome: required(enumeration('UPDATED', 'CONFLICT', 'GONE')),
        Lease: ServiceLease,
      }),
    ),
  ),
})

/** Makes each change, alone and durably, if the stored epoch is the one named. */
export const UpdateLeases = ownOperation('UpdateLeases', {
  input: Input,
  output: Output,
  errors: ['ResourceNotFoundException', 'AccessDeniedException', 'LimitExceededException', 'InternalFailureException'],
})

export type UpdateLeasesInput = Infer<typeof Input>
export type UpdateLeasesOutput = Infer<typeof Output>
