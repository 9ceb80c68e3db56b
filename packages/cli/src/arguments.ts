/**
 * The few freedoms of the command line that the parser behind it does not have, as a rewriting of the words:
 * `millrace` alone starts, a noun alone lists, `help put` is `put --help`, `--json=lines` is `--json-lines`.
 */
import { nouns } from './command-table.ts'

const programFlags: ReadonlySet<string> = new Set(['-h', '--help', '-V', '--version'])

export function normalizeArguments(words: readonly string[]): readonly string[] {
  const [first, second] = words
  if (first === undefined) return ['start']
  if (first === 'help') return [...words.slice(1), '--help']
  if (first.startsWith('-')) return programFlags.has(first) ? words : ['start', ...words]
  const end = words.indexOf('--')
  const rewritten = words.map((word, i) => (word === '--json=lines' && (end === -1 || i < end) ? '--json-lines' : word))
  const nounAlone = second === undefined || (second.startsWith('-') && !programFlags.has(second))
  return Object.hasOwn(nouns, first) && nounAlone ? [first, 'list', ...rewritten.slice(1)] : rewritten
}
