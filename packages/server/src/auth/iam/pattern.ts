/**
 * Texts of policies that stand for others: `*` is any run of characters, `?` any one, `${aws:username}` the value of a
 * context key, `${*}`, `${?}` and `${$}` the characters themselves. Compiled once; matching goes over the text without
 * regular expressions, so that no policy can make it take long.
 */

/** The value of a context key by its lower-case name: a text, several, or none. */
export type ContextValue = string | readonly string[] | undefined
export type Context = (key: string) => ContextValue

export interface PatternOptions {
  /** `*` and `?` stand for others. */
  readonly wildcards: boolean
  /** `${…}` stands for something: not in policies of the language's first version. */
  readonly variables: boolean
}

export interface Pattern {
  /** It is the same for everybody. */
  readonly isConstant: boolean
  /** `undefined`: a context key that it names has no one value, so that it matches nothing and its contrary neither. */
  matches(text: string, context: Context): boolean | undefined
}

interface Variable {
  readonly key: string
  readonly otherwise: string | undefined
}

/** Beyond all characters. */
const RUN = -1
const ONE = -2
type Piece = string | typeof RUN | typeof ONE | Variable

const everything: Pattern = { isConstant: true, matches: () => true }

export function compilePattern(text: string, options: PatternOptions): Pattern {
  const pieces = piecesOf(text, options)
  if (pieces.length === 1 && pieces[0] === RUN) return everything
  if (pieces.every((piece) => typeof piece === 'string')) {
    const literal = pieces.join('')
    return { isConstant: true, matches: (other) => other === literal }
  }
  const [start, end] = pieces
  if (pieces.length === 2 && typeof start === 'string' && end === RUN)
    return { isConstant: true, matches: (other) => other.startsWith(start) }
  if (!pieces.some((piece) => typeof piece === 'object')) {
    const codes = codesOf(pieces, undefined) ?? []
    return { isConstant: true, matches: (other) => globMatches(codes, other) }
  }
  return {
    isConstant: false,
    matches(other, context) {
      const codes = codesOf(pieces, context)
      return codes === undefined ? undefined : globMatches(codes, other)
    },
  }
}

/** The text with its variables filled in; `undefined` if one has no one value. */
export function fillIn(text: string, context: Context): string | undefined {
  const codes = codesOf(piecesOf(text, { wildcards: false, variables: true }), context)
  return codes && String.fromCharCode(...codes)
}

/** Splits at colons that are not inside a `${…}`, into `count` parts at most: the last keeps the others. */
export function splitArn(text: string, count: number): readonly string[] {
  const parts: string[] = []
  let from = 0
  let at = 0
  while (at < text.length && parts.length < count - 1) {
    if (text.startsWith('${', at)) {
      const end = text.indexOf('}', at)
      at = end === -1 ? at + 1 : end + 1
    } else if (text[at] === ':') {
      parts.push(text.slice(from, at))
      from = ++at
    } else at += 1
  }
  parts.push(text.slice(from))
  return parts
}

function piecesOf(text: string, { wildcards, variables }: PatternOptions): readonly Piece[] {
  const pieces: Piece[] = []
  let literal = ''
  const add = (piece: Piece): void => {
    if (literal !== '') pieces.push(literal)
    literal = ''
    // Two runs are one.
    if (piece !== RUN || pieces.at(-1) !== RUN) pieces.push(piece)
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    const end = variables && text.startsWith('${', at) ? text.indexOf('}', at + 2) : -1
    if (end !== -1) {
      const inside = text.slice(at + 2, end)
      if (inside === '*' || inside === '?' || inside === '$') literal += inside
      else add(variableOf(inside))
      at = end
    } else if (wildcards && (character === '*' || character === '?')) add(character === '*' ? RUN : ONE)
    else literal += character
  }
  if (literal !== '' || pieces.length === 0) pieces.push(literal)
  return pieces
}

/** `aws:username`, or `aws:username, 'anybody'`. */
function variableOf(inside: string): Variable {
  const match = /^(.*?), *'(.*)'$/s.exec(inside)
  return { key: (match?.[1] ?? inside).trim().toLowerCase(), otherwise: match?.[2] }
}

function codesOf(pieces: readonly Piece[], context: Context | undefined): readonly number[] | undefined {
  const codes: number[] = []
  for (const piece of pieces) {
    if (typeof piece === 'number') {
      codes.push(piece)
      continue
    }
    const text = typeof piece === 'string' ? piece : valueOf(piece, context)
    if (text === undefined) return undefined
    for (let at = 0; at < text.length; at++) codes.push(text.charCodeAt(at))
  }
  return codes
}

function valueOf({ key, otherwise }: Variable, context: Context | undefined): string | undefined {
  const value = context?.(key)
  return typeof value === 'string' && value !== '' ? value : otherwise
}

/** At a mismatch only the last run takes one character more: what came before it has matched as early as it can. */
function globMatches(pattern: readonly number[], text: string): boolean {
  let at = 0
  let read = 0
  let run = -1
  let runRead = 0
  while (read < text.length) {
    const code = pattern[at]
    if (code === RUN) {
      run = at++
      runRead = read
    } else if (code === ONE || code === text.charCodeAt(read)) {
      at++
      read++
    } else if (run !== -1) {
      at = run + 1
      read = ++runRead
    } else return false
  }
  while (pattern[at] === RUN) at++
  return at === pattern.length
}
