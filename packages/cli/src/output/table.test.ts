import { describe, expect, it } from 'vitest'
import { chooseStyle, plainStyle } from './style.ts'
import { type Column, formatTable } from './table.ts'

interface Row {
  readonly id: string
  readonly count: number
}
const columns: readonly Column<Row>[] = [
  { header: 'shard', cell: (row) => row.id, cut: 'middle' },
  { header: 'records', cell: (row) => String(row.count), align: 'right' },
]
const rows: readonly Row[] = [
  { id: 'shardId-000000000000', count: 7 },
  { id: 'shardId-000000000011', count: 12_000 },
]

describe('formatTable', () => {
  it('aligns columns two spaces apart on a terminal', () => {
    expect(formatTable(columns, rows, { width: 80, style: plainStyle, header: true })).toBe(
      'SHARD                 RECORDS\nshardId-000000000000        7\nshardId-000000000011    12000\n',
    )
  })

  it('cuts ids in the middle when the terminal is narrow, so that their ends still differ', () => {
    expect(formatTable(columns, rows, { width: 20, style: plainStyle, header: false })).toBe(
      'shard…00000        7\nshard…00011    12000\n',
    )
  })

  it('never cuts what may not be cut, however narrow the terminal', () => {
    expect(formatTable(columns, rows, { width: 5, style: plainStyle, header: false })).toContain('12000')
  })

  it('gives a pipe tabs and whole cells, and no header when quiet', () => {
    const piped = { width: undefined, style: plainStyle }
    expect(formatTable(columns, rows, { ...piped, header: true })).toBe(
      'shard\trecords\nshardId-000000000000\t7\nshardId-000000000011\t12000\n',
    )
    expect(formatTable(columns, rows, { ...piped, header: false })).not.toContain('records')
  })

  it('keeps a cell on its line', () => {
    const row = { id: 'a\tb\nc', count: 1 }
    expect(formatTable(columns, [row], { width: undefined, style: plainStyle, header: false })).toBe('a b c\t1\n')
  })
})

describe('chooseStyle', () => {
  const coloured = (choice: Parameters<typeof chooseStyle>[0]): boolean => chooseStyle(choice) !== plainStyle
  it.each([
    [{ isTty: true, env: {} }, true],
    [{ isTty: false, env: {} }, false],
    [{ isTty: true, env: { NO_COLOR: '1' } }, false],
    [{ isTty: true, env: { NO_COLOR: '' } }, true],
    [{ isTty: true, env: { TERM: 'dumb' } }, false],
    [{ isTty: false, env: { FORCE_COLOR: '1' } }, true],
    [{ isTty: true, env: { FORCE_COLOR: '0' } }, false],
    [{ isTty: true, env: { FORCE_COLOR: '1' }, wanted: false }, false],
  ])('colours %j: %s', (choice, expected) => {
    expect(coloured(choice)).toBe(expected)
  })
})
