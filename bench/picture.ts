/** A comparison as a bar chart in SVG: the median of each side, and a whisker for its range. Readable on light and dark. */
import type { Picture } from './part.ts'
import { shortNumber } from './page.ts'

const WIDTH = 760
const LABEL_WIDTH = 250
const VALUE_WIDTH = 110
const BAR_HEIGHT = 22
const ROW_HEIGHT = 32
const TOP = 44

/** Colours of text and marks follow the reader's scheme; nothing is behind them. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .other { fill: #8c959f }
  .ours { fill: #0969da }
  .range { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .other { fill: #6e7681 }
    .ours { fill: #4493f8 }
    .range { stroke: #e6edf3 }
  }
`

export function svgOf({ title, unit, bars }: Picture): string {
  const height = TOP + bars.length * ROW_HEIGHT + 8
  const most = Math.max(...bars.map(({ value }) => value.max))
  const x = (value: number): number => LABEL_WIDTH + (value / most) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)
  const rows = bars.flatMap(({ label, value, isOurs }, i) => {
    const y = TOP + i * ROW_HEIGHT
    const middle = y + BAR_HEIGHT / 2
    const width = Math.max(1, x(value.median) - LABEL_WIDTH)
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${middle + 5}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${isOurs ? 'ours' : 'other'}" x="${LABEL_WIDTH}" y="${y}" width="${at(width)}" height="${BAR_HEIGHT}" rx="2"/>`,
      `<path class="range" d="M${at(x(value.min))} ${middle}H${at(x(value.max))}"/>`,
      `<text x="${at(Math.max(x(value.max), x(value.median)) + 8)}" y="${middle + 5}">${shortNumber(value.median)} ${escaped(unit)}</text>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="10" y="24">${escaped(title)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n')
}

const at = (value: number): string => value.toFixed(1)

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
