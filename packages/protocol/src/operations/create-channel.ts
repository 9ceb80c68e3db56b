/**
 * CreateChannel on the wire: its input and what it may answer. What it does is in the server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import {
  ChannelDescription,
  ChannelEncryptionConfiguration,
  ChannelLoggingConfiguration,
  ChannelName,
  ChannelStreamConfigurationList,
  RoleARN,
  S3DestinationConfiguration,
  S3TablesDestinationConfiguration,
} from './channel-shapes.ts'
import { Tags } from './shapes.ts'

const Input = structure('CreateChannelInput', {
  ChannelName: required(ChannelName),
  ServiceExecutionRoleARN: required(RoleARN),
  /** One, though the model allows more. */
  StreamConfigurationList: required(ChannelStreamConfigurationList),
  /** This … */
  S3DestinationConfiguration,
  /** … or this, and not both. */
  S3TablesDestinationConfiguration,
  EncryptionConfiguration: ChannelEncryptionConfiguration,
  Tags,
  LoggingConfiguration: ChannelLoggingConfiguration,
})

const Output = structure('CreateChannelOutput', {
  ChannelDescription: required(ChannelDescription),
})

/** Makes a channel that is to deliver the records of an on-demand stream. */
export const CreateChannel = operation('CreateChannel', {
  input: Input,
  output: Output,
  errors: [
    'ValidationException',
    'ResourceInUseException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'KMSDisabledException',
    'KMSInvalidStateException',
    'KMSAccessDeniedException',
    'KMSNotFoundException',
    'KMSOptInRequired',
    'KMSThrottlingException',
    'AccessDeniedException',
  ],
})

export type CreateChannelInput = Infer<typeof Input>
export type CreateChannelOutput = Infer<typeof Output>
