/** What an API operation is: a name, the shape of its input, and of its output if it has one. */
import type { ErrorType } from './errors.ts'
import type { Infer, StructureSchema } from './schema/schema.ts'

export interface Operation<I = unknown, O = unknown> {
  /** As in the target header, after `Kinesis_20131202.`. */
  readonly name: string
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

export function operation<const I extends StructureSchema, O extends StructureSchema | undefined = undefined>(
  name: string,
  shape: { readonly input: I; readonly output?: O; readonly errors: readonly ErrorType[] },
): Operation<Infer<I>, OutputSchema<O>> {
  return { name, input: shape.input, output: shape.output, errors: shape.errors }
}
