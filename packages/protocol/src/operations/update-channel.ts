/**
 * UpdateChannel on the wire: its input and what it may answer. What it does is in the server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import {
  ChannelARN,
  ChannelDescription,
  ChannelLoggingUpdateInput,
  S3DestinationUpdateInput,
  S3TablesDestinationUpdateInput,
} from './channel-shapes.ts'

const Input = structure('UpdateChannelInput', {
  ChannelARN: required(ChannelARN),
  S3DestinationConfiguration: S3DestinationUpdateInput,
  S3TablesDestinationConfiguration: S3TablesDestinationUpdateInput,
  LoggingConfiguration: ChannelLoggingUpdateInput,
})

const Output = structure('UpdateChannelOutput', {
  ChannelDescription: required(ChannelDescription),
})

/** Changes how fresh a channel delivers, and where it logs. */
export const UpdateChannel = operation('UpdateChannel', {
  input: Input,
  output: Output,
  errors: [
    'ValidationException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type UpdateChannelInput = Infer<typeof Input>
export type UpdateChannelOutput = Infer<typeof Output>
