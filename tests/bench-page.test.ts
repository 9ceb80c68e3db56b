/** What `npm run bench` says of its figures: verdicts, and a page of which only what was measured changes. */
import { describe, expect, it } from 'vitest'
import { pageWith, section, shortNumber } from '../bench/page.ts'
import { atLeast, atMost, once, type Target, verdictOf } from '../bench/part.ts'
import { svgOf } from '../bench/picture.ts'
import { latencyOf, median, ratios, spreadOf } from '../bench/statistics.ts'

const finding = (value: number, target?: Target) => ({
  work: 'a put',
  measure: 'rate',
  value: once(value),
  unit: '×' as const,
  ...(target === undefined ? {} : { target }),
})

describe('verdictOf', () => {
  it.each([
    [0.8, atLeast(0.6, 0.8), 'beyond'],
    [0.6, atLeast(0.6, 0.8), 'reached'],
    [0.3, atLeast(0.6, 0.8), 'short by 50 %'],
    [1.3, atMost(2.5, 1.3), 'beyond'],
    [2.5, atMost(2.5, 1.3), 'reached'],
    [5, atMost(2.5, 1.3), 'short by 100 %'],
    [Number.NaN, atMost(2.5), 'not measured'],
    [1, undefined, ''],
  ])('%d of %o is %s', (value, target, verdict) => {
    expect(verdictOf(finding(value, target))).toBe(verdict)
  })
})

describe('the page', () => {
  const report = { findings: [finding(0.3, atLeast(0.6, 0.8))], notes: ['One note.'] }

  it('tells a figure with its target and verdict', () => {
    const text = section('## Puts', 'put', report, [{ bytes: 4096, p50Ms: 0.1234, p99Ms: 12.34 }])
    expect(text).toContain('| a put | rate | **0.3 ×** | ≥ 0.6 × | ≥ 0.8 × | **short by 50 %** |')
    expect(text).toContain('4 KiB 0.12 / 12.3 ms')
    expect(text).toContain('One note.')
  })

  it('keeps the sections that were not measured, in the order of the headings', () => {
    const [puts, gets] = ['## Puts\n\nold puts\n', '## Gets\n\nold gets\n']
    const before = pageWith(
      '',
      ['## Puts', '## Gets'],
      new Map([
        ['## Puts', puts],
        ['## Gets', gets],
      ]),
    )
    const after = pageWith(before, ['## Gets', '## Puts', '## Never'], new Map([['## Puts', '## Puts\n\nnew puts\n']]))
    expect(after.slice(after.indexOf('## '))).toBe('## Gets\n\nold gets\n\n## Puts\n\nnew puts\n')
  })

  it.each([
    [0.123, '0.12'],
    [12.34, '12.3'],
    [123.4, '123'],
    [12_345, '12.3k'],
    [2_500_000, '2.5M'],
  ])('%d is told as %s', (value, text) => {
    expect(shortNumber(value)).toBe(text)
  })
})

it('a picture draws a bar for each side, ours apart, and takes any label', () => {
  const bar = { value: { median: 50, min: 40, max: 100 }, isOurs: false }
  const bars = [
    { ...bar, label: 'a < b' },
    { ...bar, label: 'Millrace', isOurs: true },
  ]
  const svg = svgOf({ name: 'x', title: 'X', unit: 'puts/s', bars })
  expect(svg.match(/class="(ours|other)"/g)).toEqual(['class="other"', 'class="ours"'])
  expect(svg).toContain('a &lt; b')
  expect(svg).toContain('prefers-color-scheme: dark')
})

it('medians, spreads and percentiles are those of the rounds', () => {
  expect([median([3, 1, 2]), spreadOf([3, 1, 2]), ratios([2, 9], [1, 3])]).toEqual([
    2,
    { median: 2, min: 1, max: 3 },
    [2, 3],
  ])
  const latencies = Array.from({ length: 1_000 }, (_, i) => i)
  expect(latencyOf(latencies)).toEqual({ p50: 500, p99: 990, p999: 999 })
})
