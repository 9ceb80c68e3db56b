/**
 * Tables without borders: on a terminal fitted to its width, headers dim; in a pipe tab-separated, whole, one row a
 * line. Cells are text already; this knows nothing of what they mean.
 */
import type { Style } from './style.ts'

export interface Column<Row> {
  readonly header: string
  readonly cell: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** Where to cut when the terminal is too narrow: ids in the middle, their ends differ. Default: never cut. */
  readonly cut?: 'middle' | 'end'
}

export interface TableOptions {
  /** Columns of the terminal; `undefined`: not a terminal. */
  readonly width: number | undefined
  readonly style: Style
  readonly header: boolean
}

const GAP = '  '
/** A cut column keeps at least this many characters: less says nothing. */
const CUT_WIDTH_MIN = 8

export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): string {
  const cells = rows.map((row) => columns.map((column) => oneLine(column.cell(row))))
  const headers = columns.map((column) => column.header)
  if (options.width === undefined) {
    return [...(options.header ? [headers] : []), ...cells].map((line) => `${line.join('\t')}\n`).join('')
  }
  const natural = columns.map((_, i) => Math.max(...[headers, ...cells].map((line) => (line[i] ?? '').length)))
  const widths = fit(columns, natural, options.width - GAP.length * (columns.length - 1))
  const format = (line: readonly string[]): string =>
    columns
      .map((column, i) => {
        const width = widths[i] ?? 0
        const text = cutTo(line[i] ?? '', width, column.cut ?? 'end')
        return column.align === 'right' ? text.padStart(width) : text.padEnd(width)
      })
      .join(GAP)
      .trimEnd()
  const lines = cells.map((line) => `${format(line)}\n`)
  return (
    (options.header ? `${options.style.secondary(format(headers.map((h) => h.toUpperCase())))}\n` : '') + lines.join('')
  )
}

/** Takes what is missing from the widest column that may be cut, again and again. */
function fit<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural]
  for (let over = widths.reduce((a, b) => a + b, 0) - width; over > 0; over--) {
    let widest = -1
    for (const [i, column] of columns.entries()) {
      const size = widths[i] ?? 0
      if (column.cut !== undefined && size > CUT_WIDTH_MIN && size > (widths[widest] ?? 0)) widest = i
    }
    if (widest === -1) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

function cutTo(text: string, width: number, where: 'middle' | 'end'): string {
  if (text.length <= width) return text
  if (where === 'end') return `${text.slice(0, width - 1)}…`
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
