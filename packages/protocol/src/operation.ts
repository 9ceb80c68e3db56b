/** What an API operation is: a name, the shape of its input, and of its output if it has one. */
import type { ErrorType } from './errors.ts'
import type { Infer, StructureSchema } from './schema/schema.ts'

export interface Operation<I = unknown, O = unknown> {
  /** As in the target header, after the prefix of its service. */
  readonly name: string
  /** The whole target header, such as `Kinesis_20131202.PutRecord`. */
  readonly target: string
  readonly input: StructureSchema
  /** `undefined`: a void operation, answered with no bytes at all. */
  readonly output: StructureSchema | undefined
  /** What the published model says the operation may answer, apart from what any operation may. */
  readonly errors: readonly ErrorType[]
  /** Only for the compiler: never set. */
  readonly inferred?: { readonly input: I; readonly output: O }
}

export type InputOf<T> = T extends Operation<infer I> ? I : never
export type OutputOf<T> = T extends Operation<unknown, infer O> ? O : never

type OutputSchema<S> = [S] extends [StructureSchema] ? Infer<S> : void

interface Shape<I, O> {
  readonly input: I
  readonly output?: O
  readonly errors: readonly ErrorType[]
}

/** An operation of Kinesis. */
export function operation<const I extends StructureSchema, O extends StructureSchema | undefined = undefined>(
  name: string,
  shape: Shape<I, O>,
): Operation<Infer<I>, OutputSchema<O>> {
  return operationOf('Kinesis_20131202', name, shape)
}

/** An operation of Millrace's own, which no other service at a Kinesis endpoint knows. */
export function ownOperation<const I extends StructureSchema, O extends StructureSchema | undefined = undefined>(
  name: string,
  shape: Shape<I, O>,
): Operation<Infer<I>, OutputSchema<O>> {
  return operationOf('Millrace_20261130', name, shape)
}

function operationOf<const I extends StructureSchema, O extends StructureSchema | undefined>(
  service: string,
  name: string,
  { input, output, errors }: Shape<I, O>,
): Operation<Infer<I>, OutputSchema<O>> {
  return { name, target: `${service}.${name}`, input, output, errors }
}
