/** CreateStream on the wire: its input; it answers with no bytes. What it does is in the server, in a file of the same name. */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import {
  MaxRecordSizeInKiB,
  NaturalInteger,
  PositiveInteger,
  RecordDistributionStrategy,
  StreamModeDetails,
  StreamName,
  Tags,
} from './shapes.ts'

const Input = structure('CreateStreamInput', {
  ShardCount: PositiveInteger,
  StreamName: required(StreamName),
  StreamModeDetails,
  Tags,
  WarmThroughputMiBps: NaturalInteger,
  MaxRecordSizeInKiB,
  RecordDistributionStrategy,
})

/** Makes a stream, provisioned with so many shards or on demand. Answers before the stream is ACTIVE. */
export const CreateStream = operation('CreateStream', {
  input: Input,
  errors: ['ResourceInUseException', 'LimitExceededException', 'InvalidArgumentException', 'ValidationException'],
})

export type CreateStreamInput = Infer<typeof Input>
export type CreateStreamOutput = void
