/** UpdateAccountSettings on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { MinimumThroughputBillingCommitmentInput, MinimumThroughputBillingCommitmentOutput } from './shapes.ts'

const Input = structure('UpdateAccountSettingsInput', {
  MinimumThroughputBillingCommitment: required(MinimumThroughputBillingCommitmentInput),
})

const Output = structure('UpdateAccountSettingsOutput', {
  MinimumThroughputBillingCommitment: MinimumThroughputBillingCommitmentOutput,
})

/** Begins or ends the account's commitment to a minimum of throughput. */
export const UpdateAccountSettings = operation('UpdateAccountSettings', {
  input: Input,
  output: Output,
  errors: ['InvalidArgumentException', 'ValidationException', 'LimitExceededException'],
})

export type UpdateAccountSettingsInput = Infer<typeof Input>
export type UpdateAccountSettingsOutput = Infer<typeof Output>
