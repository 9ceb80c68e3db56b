/** Every operation that is answered at the port, Kinesis's and Millrace's own, by its target header. */
import { applicationOperations } from './applications/registry.ts'
import type { Operation } from './operation.ts'
import { operations } from './operations/registry.ts'

export const operationsByTarget: ReadonlyMap<string, Operation> = new Map(
  [...operations.values(), ...applicationOperations.values()].map((operation) => [operation.target, operation]),
)
