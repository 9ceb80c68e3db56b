/** LeaveSession on the wire: its input; it answers nothing. */
import { ownOperation } from '../operation.ts'
import { type Infer, required, structure } from '../schema/schema.ts'
import { ApplicationName, WorkerName } from './shapes.ts'

const Input = structure('LeaveSessionInput', {
  ApplicationName: required(ApplicationName),
  Worker: required(WorkerName),
})

/** Ends a worker's session at once. Nothing is done where there is none. */
export const LeaveSession = ownOperation('LeaveSession', {
  input: Input,
  errors: ['AccessDeniedException', 'InternalFailureException'],
})

export type LeaveSessionInput = Infer<typeof Input>
