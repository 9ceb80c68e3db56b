/** DescribeLimits on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ResourceCount } from './shapes.ts'

const Input = structure('DescribeLimitsInput', {})

const Output = structure('DescribeLimitsOutput', {
  ShardLimit: required(ResourceCount),
  OpenShardCount: required(ResourceCount),
  OnDemandStreamCount: required(ResourceCount),
  OnDemandStreamCountLimit: required(ResourceCount),
  ChannelCount: ResourceCount,
  ChannelCountLimit: ResourceCount,
})

/** The account's quotas in this region, and how much of them is used. */
export const DescribeLimits = operation('DescribeLimits', {
  input: Input,
  output: Output,
  errors: ['LimitExceededException'],
})

export type DescribeLimitsInput = Infer<typeof Input>
export type DescribeLimitsOutput = Infer<typeof Output>
