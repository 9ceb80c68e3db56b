/**
 * DeleteChannel on the wire: its input; it answers with nothing. What it does is in the server, in a file of the same name.
 */
import { operation } from '../operation.ts'
import type { Infer } from '../schema/schema.ts'
import { required, structure } from '../schema/schema.ts'
import { ChannelARN } from './channel-shapes.ts'

const Input = structure('DeleteChannelInput', {
  ChannelARN: required(ChannelARN),
})

/** Deletes a channel. What it delivered stays. */
export const DeleteChannel = operation('DeleteChannel', {
  input: Input,
  errors: [
    'ValidationException',
    'ResourceNotFoundException',
    'LimitExceededException',
    'InvalidArgumentException',
    'AccessDeniedException',
  ],
})

export type DeleteChannelInput = Infer<typeof Input>
export type DeleteChannelOutput = void
