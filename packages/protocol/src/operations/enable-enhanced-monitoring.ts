/** EnableEnhancedMonitoring on the wire: its input and what it may answer. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { EnhancedMonitoringOutput, ShardLevelMetrics, StreamARN, StreamId, StreamName } from './shapes.ts'

const Input = structure('EnableEnhancedMonitoringInput', {
  ShardLevelMetrics: required(ShardLevelMetrics),
  StreamName,
  StreamARN,
  StreamId,
})

/** Has metrics of each shard of a stream reported. ALL stands for all seven. */
export const EnableEnhancedMonitoring = operation('EnableEnhancedMonitoring', {
  input: Input,
  output: EnhancedMonitoringOutput,
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'AccessDeniedException',
  ],
})

export type EnableEnhancedMonitoringInput = Infer<typeof Input>
export type EnableEnhancedMonitoringOutput = Infer<typeof EnhancedMonitoringOutput>
