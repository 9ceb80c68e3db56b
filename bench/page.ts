/** The results as a page: a section for each part, every figure with its target and verdict, losses included. */
import { cpus, loadavg, release } from 'node:os'
import { type Finding, type PartReport, type Table, type Target, type Unit, verdictOf } from './part.ts'
import type { DiskCeiling } from './disk-ceiling.ts'
import type { Spread } from './statistics.ts'

export const PAGE_HEADING = '# Results'

export function pageHead(): string {
  return [
    PAGE_HEADING,
    '',
    'Made by `npm run bench`. Clients, ceilings, rivals and server share the machine. All ours are durable (fsync), verify signatures (`--auth keys`) and have',
    'shard limits off; rivals keep what they are given in memory. Loads run in turn (A B A B …); a figure is the median of the rounds with its range in brackets, a ratio is',
    'taken round by round. Ratios and processor time per unit are what counts; absolute figures are of this machine in that hour.',
    '*To reach* and *Beyond* are the design’s targets; [docs/performance.md](../docs/performance.md) says why rows are short.',
    '',
  ].join('\n')
}

export function section(heading: string, command: string, report: PartReport, disk: readonly DiskCeiling[]): string {
  const { findings, tables = [], pictures = [], notes = [] } = report
  const lines = [
    heading,
    '',
    `\`npm run bench -- ${command}\` on ${machine()}, load average ${loadavg()[0]?.toFixed(1)}. ${diskLine(disk)}`,
    '',
    ...notes.flatMap((note) => [note, '']),
    ...tableLines({
      title: '',
      columns: ['Work', 'Measure', 'Result', 'To reach', 'Beyond', 'Verdict'],
      rows: findings.map(findingCells),
    }),
    ...tables.flatMap(tableLines),
    ...pictures.flatMap(({ name, title }) => [`![${title}](pictures/${name}.svg)`, '']),
  ]
  return lines.join('\n')
}

function findingCells(finding: Finding): string[] {
  const { work, measure, value, unit, target } = finding
  const verdict = verdictOf(finding)
  return [
    work,
    measure,
    spreadText(value, unit),
    targetText(target, 'reach', unit),
    targetText(target, 'beyond', unit),
    verdict.startsWith('short') ? `**${verdict}**` : verdict,
  ]
}

function targetText(target: Target | undefined, which: 'reach' | 'beyond', unit: Unit): string {
  const bound = target?.[which]
  return bound === undefined ? '' : `${target?.is === 'at least' ? '≥' : '≤'} ${withUnit(bound, unit)}`
}

export function spreadText({ median, min, max }: Spread, unit: Unit): string {
  if (min === max || Number.isNaN(median)) return `**${withUnit(median, unit)}**`
  return `**${withUnit(median, unit)}** (${shortNumber(min)}–${shortNumber(max)})`
}

const withUnit = (value: number, unit: Unit): string =>
  unit === '' ? shortNumber(value) : `${shortNumber(value)} ${unit}`

/** Three digits, and thousands as `k`. */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${shortNumber(value / 1e6)}M`
  if (size >= 1e4) return `${shortNumber(value / 1e3)}k`
  if (size >= 100) return value.toFixed(0)
  return String(Number(value.toFixed(size >= 10 ? 1 : 2)))
}

function tableLines({ title, columns, rows }: Table): string[] {
  if (rows.length === 0) return []
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const head = title === '' ? [] : [title, '']
  return [...head, row(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(row), '']
}

function diskLine(disk: readonly DiskCeiling[]): string {
  const sizes = disk.map(
    ({ bytes, p50Ms, p99Ms }) => `${bytes / 1024} KiB ${shortNumber(p50Ms)} / ${shortNumber(p99Ms)} ms`,
  )
  return `The disk in that minute, p50 / p99 of one \`pwrite\` + \`fdatasync\` at a time: ${sizes.join(', ')}.`
}

function machine(): string {
  return (
    `${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, ${cpus().length} × ` +
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${process.platform} ${release()}`
  )
}

/** The page with these sections, and the others as they were, in the order of `headings`. */
export function pageWith(before: string, headings: readonly string[], sections: ReadonlyMap<string, string>): string {
  const parts = headings.map((heading) => sections.get(heading) ?? sectionOf(before, heading))
  return [pageHead(), ...parts.filter((part) => part !== '')].join('\n')
}

/** What the page says under a heading, up to the next one. */
function sectionOf(page: string, heading: string): string {
  const start = page.indexOf(`${heading}\n`)
  if (start === -1) return ''
  const end = page.indexOf('\n## ', start)
  return `${page.slice(start, end === -1 ? page.length : end).trimEnd()}\n`
}
