/**
 * YAML that people write, as plain values: maps, lists, texts, numbers, booleans, nothing else, whatever version and
 * tags a file claims. Everything that can be wrong with a text is a YamlFault; its message never quotes the text, which
 * may hold a secret.
 */
import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'

const require = createRequire(import.meta.url)

/** Characters. Nobody has that many keys; a wrong path may be any file. */
const TEXT_LENGTH_MAX = 16 * 1024 * 1024
/** Levels of maps and lists. Ours have three. */
const DEPTH_MAX = 32
const ALIASES_MAX = 100

export class YamlFault extends Error {
  override readonly name = 'YamlFault'
  readonly line: number | undefined

  constructor(message: string, line?: number) {
    super(message)
    this.line = line
  }
}

export function readYaml(text: string): unknown {
  if (text.length > TEXT_LENGTH_MAX) {
    throw new YamlFault(`expected at most ${TEXT_LENGTH_MAX} characters, found ${text.length}`)
  }
  const value = parse(text)
  checkPlain(value, 0)
  return value
}

function parse(text: string): unknown {
  // With the first text, since most servers read none: its seventy files are a tenth of a start.
  const { LineCounter, parseDocument } = require('yaml') as typeof Yaml
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      schema: 'core',
      merge: false,
      logLevel: 'error',
      stringKeys: true,
    })
    const [fault] = document.errors
    if (fault !== undefined) throw new YamlFault(`not valid YAML (${fault.code})`, lines.linePos(fault.pos[0]).line)
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown
  } catch (error) {
    if (error instanceof YamlFault) throw error
    // The parser's own words may quote the text.
    if (error instanceof RangeError) throw new YamlFault('not valid YAML: nested too deeply')
    throw new YamlFault('not valid YAML: an alias without its anchor, or too many of them')
  }
}

/** An alias inside its own anchor makes a value without an end: its depth is beyond every bound. */
function checkPlain(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > DEPTH_MAX) throw new YamlFault(`nested deeper than ${DEPTH_MAX} levels, or inside itself`)
  for (const inner of Object.values(value)) checkPlain(inner, depth + 1)
}
