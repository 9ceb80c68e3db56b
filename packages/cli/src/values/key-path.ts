/**
 * A path into a JSON value that names the partition key: `user.id`, `items[0].sku`, `["odd.key"].x`, with or without
 * a leading `$`. Deliberately no wildcards and no filters: a key is one thing.
 */
import { usageError } from '../exit-code.ts'

export type KeyPath = (value: unknown) => string | undefined

/** Compiles `path`. The result gives a scalar as text, and `undefined` where there is none (or it is null). */
export function compileKeyPath(path: string): KeyPath {
  const steps = parseSteps(path)
  return (value) => {
    let at = value
    for (const step of steps) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
      at = (at as Record<string | number, unknown>)[step]
    }
    if (typeof at === 'string') return at
    return typeof at === 'number' || typeof at === 'boolean' ? String(at) : undefined
  }
}

function parseSteps(path: string): readonly (string | number)[] {
  const wrong = (at: number): Error =>
    usageError(
      `key path "${path}" cannot be read at character ${at + 1}`,
      'key paths look like user.id or items[0].sku',
    )
  const fail = (at: number): never => {
    throw wrong(at)
  }
  const steps: (string | number)[] = []
  const step = /\.?([^.[\]"$\s]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y
  step.lastIndex = path.startsWith('$') ? 1 : 0
  while (step.lastIndex < path.length) {
    const at = step.lastIndex
    const match = step.exec(path)
    if (match === null) throw wrong(at)
    const [, name, index, quoted] = match
    // A dot stands between steps, not before the first one (unless after `$`).
    if (name !== undefined && (match[0].startsWith('.') ? at === 0 : steps.length > 0)) throw wrong(at)
    if (name !== undefined) steps.push(name)
    else if (index !== undefined) steps.push(Number(index))
    else steps.push(unquoted(quoted ?? '""') ?? fail(at))
  }
  if (steps.length === 0) throw wrong(0)
  return steps
}

/** `undefined` for escapes that JSON does not have, and for control characters. */
function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}
