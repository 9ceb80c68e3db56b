/**
 * The few words in which operation shapes are written. A schema is data: the TypeScript type, the decoder, the
 * constraint checker and the encoders are all derived from it. Members stand in the order in which the real service
 * reports violations (inputs) or writes members (outputs).
 */

interface Length {
  /** Fewest UTF-16 units, bytes, elements or entries. */
  readonly min?: number
  /** Most UTF-16 units, bytes, elements or entries. */
  readonly max?: number
}

export interface StringSchema<T extends string = string> extends Length {
  readonly kind: 'string'
  /** As it is printed in messages. Matches the whole value. */
  readonly pattern?: string
  readonly matcher?: RegExp
  /** In the order in which messages print them. */
  readonly values?: readonly T[]
}

/** `long` and `integer` differ in the bounds to which larger numbers are clamped. */
export interface NumberSchema {
  readonly kind: 'integer' | 'long'
  readonly min?: number
  readonly max?: number
}

export interface BooleanSchema {
  readonly kind: 'boolean'
}

export interface BlobSchema extends Length {
  readonly kind: 'blob'
}

/** In our hands always milliseconds since the epoch. */
export interface TimestampSchema {
  readonly kind: 'timestamp'
}

export interface ListSchema<E extends Schema = Schema> extends Length {
  readonly kind: 'list'
  readonly element: E
}

export interface MapSchema<V extends Schema = Schema> extends Length {
  readonly kind: 'map'
  readonly key: StringSchema
  readonly value: V
}

/** `M` stays unconstrained here so that the inferred type of a recursive `Schema` does not expand for ever. */
export interface StructureSchema<M = unknown> {
  readonly kind: 'structure'
  readonly name: string
  readonly members: readonly Member[]
  /** Only for the compiler: never set. */
  readonly inferred?: M
}

export interface Member {
  readonly name: string
  /** As messages spell it: `StreamName` is `streamName`. */
  readonly path: string
  readonly schema: Schema
  readonly required: boolean
}

export type Schema =
  StringSchema | NumberSchema | BooleanSchema | BlobSchema | TimestampSchema | ListSchema | MapSchema | StructureSchema

export interface Required<S extends Schema = Schema> {
  readonly kind: 'required'
  readonly schema: S
}

type Members = Readonly<Record<string, Schema | Required>>

/** The TypeScript type of the values a schema describes. */
export type Infer<S> =
  S extends StructureSchema<infer M>
    ? InferMembers<M>
    : S extends StringSchema<infer T>
      ? T
      : S extends NumberSchema | TimestampSchema
        ? number
        : S extends BooleanSchema
          ? boolean
          : S extends BlobSchema
            ? Uint8Array
            : S extends ListSchema<infer E>
              ? readonly Infer<E>[]
              : S extends MapSchema<infer V>
                ? Readonly<Record<string, Infer<V>>>
                : never

type Simplify<T> = { readonly [K in keyof T]: T[K] }

type InferMembers<M> = Simplify<
  {
    readonly [K in keyof M as M[K] extends Required ? K : never]: M[K] extends Required<infer S> ? Infer<S> : never
  } & {
    readonly [K in keyof M as M[K] extends Required ? never : K]?: Infer<M[K]> | undefined
  }
>

export function string(constraints: Length & { readonly pattern?: string } = {}): StringSchema {
  const { pattern } = constraints
  return pattern === undefined
    ? { kind: 'string', ...constraints }
    : { kind: 'string', ...constraints, matcher: new RegExp(`^(?:${pattern})$`) }
}

export function enumeration<const T extends string>(...values: readonly T[]): StringSchema<T> {
  return { kind: 'string', values }
}

export function integer(range: { readonly min?: number; readonly max?: number } = {}): NumberSchema {
  return { kind: 'integer', ...range }
}

export function long(range: { readonly min?: number; readonly max?: number } = {}): NumberSchema {
  return { kind: 'long', ...range }
}

export function boolean(): BooleanSchema {
  return { kind: 'boolean' }
}

export function blob(length: Length = {}): BlobSchema {
  return { kind: 'blob', ...length }
}

export function timestamp(): TimestampSchema {
  return { kind: 'timestamp' }
}

export function list<E extends Schema>(element: E, length: Length = {}): ListSchema<E> {
  return { kind: 'list', element, ...length }
}

export function map<V extends Schema>(key: StringSchema, value: V, length: Length = {}): MapSchema<V> {
  return { kind: 'map', key, value, ...length }
}

export function required<S extends Schema>(schema: S): Required<S> {
  return { kind: 'required', schema }
}

/** `name` is the shape's name in the published model; the members' names are the wire's. */
export function structure<M extends Members>(name: string, members: M): StructureSchema<M> {
  return {
    kind: 'structure',
    name,
    members: Object.entries(members).map(([member, schema]) => ({
      name: member,
      path: member.slice(0, 1).toLowerCase() + member.slice(1),
      schema: schema.kind === 'required' ? schema.schema : schema,
      required: schema.kind === 'required',
    })),
  }
}
