/** DescribeApplication on the wire: its input and what it may answer. */
import { ownOperation } from '../operation.ts'
import { boolean, type Infer, integer, required, structure } from '../schema/schema.ts'
import { DESCRIBE_APPLICATION_PAGE_MAX } from './limits.ts'
import { ApplicationARN, ApplicationName, LeaseKey, ServiceLeases, Workers } from './shapes.ts'

const Input = structure('DescribeApplicationInput', {
  ApplicationName: required(ApplicationName),
  Limit: integer({ min: 1, max: DESCRIBE_APPLICATION_PAGE_MAX }),
  ExclusiveStartLeaseKey: LeaseKey,
})

const Output = structure('DescribeApplicationOutput', {
  ApplicationName: required(ApplicationName),
  ApplicationARN: required(ApplicationARN),
  Leases: required(ServiceLeases),
  HasMoreLeases: required(boolean()),
  Workers: required(Workers),
})

/** The leases of an application, by key, and the workers that live. */
export const DescribeApplication = ownOperation('DescribeApplication', {
  input: Input,
  output: Output,
  errors: ['ResourceNotFoundException', 'AccessDeniedException', 'InternalFailureException'],
})

export type DescribeApplicationInput = Infer<typeof Input>
export type DescribeApplicationOutput = Infer<typeof Output>
