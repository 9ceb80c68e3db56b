/**
 * What the readers of YAML files with secrets share: a text becomes plain values, and what is wrong with them is told
 * with its place and kind. Messages never repeat a value, which may be a secret.
 */
import { nearest } from '@millrace/std'
import { readYaml, YamlFault } from './yaml-text.ts'

/** Makes the error of a file: it cannot be used, and the message says where and why. */
export type FaultClass = new (message: string) => Error

/** Reads one file's values. `file` is its name for messages. */
export class YamlShape {
  readonly #file: string
  readonly #Fault: FaultClass

  constructor(file: string, Fault: FaultClass) {
    this.#file = file
    this.#Fault = Fault
  }

  parse(text: string): unknown {
    try {
      return readYaml(text)
    } catch (error) {
      if (!(error instanceof YamlFault)) throw error
      throw new this.#Fault(`${this.#file}${error.line === undefined ? '' : `:${error.line}`}: ${error.message}`)
    }
  }

  /** With a value, its kind is told: never the value. */
  fail(path: string, wanted: string, ...found: readonly unknown[]): never {
    const what = found.length === 0 ? '' : `, found ${kindOf(found[0])}`
    throw new this.#Fault(`${this.#file}: ${path}: expected ${wanted}${what}`)
  }

  /** `path` is empty for the file itself. */
  map(value: unknown, path: string, wanted: string, known: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.fail(path === '' ? 'the file' : path, wanted, value)
    for (const name of Object.keys(value)) this.#checkMember(path === '' ? '' : `${path}.`, name, known)
    return value as Readonly<Record<string, unknown>>
  }

  list(value: unknown, path: string): readonly unknown[] {
    return Array.isArray(value) ? value : this.fail(path, 'a list', value)
  }

  /** Text that is not empty; `undefined` for a member that is not there. */
  text(value: unknown, path: string): string | undefined {
    if (value === undefined || value === null) return undefined
    return typeof value === 'string' && value !== '' ? value : this.fail(path, 'text in quotes', value)
  }

  #checkMember(prefix: string, name: string, known: readonly string[]): void {
    if (known.includes(name)) return
    const near = nearest(name, known)
    const wanted = `one of ${known.join(', ')}`
    // `secretAccessKey:wJal` without a space is all name: only what is nearly a known one can hold no secret.
    if (near === undefined) this.fail(`${prefix}?`, `${wanted}, found a name of ${name.length} characters`)
    else this.fail(`${prefix}${name}`, `${wanted}; did you mean '${near}'?`)
  }
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (value === '') return 'empty text'
  return typeof value === 'object' ? 'a map' : typeof value === 'string' ? 'text' : `a ${typeof value}`
}
