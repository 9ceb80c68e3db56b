/** DescribeAccountSettings on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { structure } from '../schema/schema.ts'
import { MinimumThroughputBillingCommitmentOutput } from './shapes.ts'

const Input = structure('DescribeAccountSettingsInput', {})

const Output = structure('DescribeAccountSettingsOutput', {
  MinimumThroughputBillingCommitment: MinimumThroughputBillingCommitmentOutput,
})

/** Whether the account has committed itself to a minimum of throughput (On-demand Advantage). */
export const DescribeAccountSettings = operation('DescribeAccountSettings', {
  input: Input,
  output: Output,
  errors: ['LimitExceededException'],
})

export type DescribeAccountSettingsInput = Infer<typeof Input>
export type DescribeAccountSettingsOutput = Infer<typeof Output>
