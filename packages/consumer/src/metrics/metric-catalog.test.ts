import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { everyMetric } from './metric-catalog.ts'

describe('the catalog of metrics', () => {
  it('is the table of the guide', () => {
    const guide = readFileSync(new URL('../../../../docs/guide/consumer-metrics.md', import.meta.url), 'utf8')
    const table = guide.split('\n').filter((line) => /^\| [A-Z]\w+ \| `/.test(line))
    const rows = everyMetric.map(
      ({ operation, name, kind, unit, dimensions, level, help }) =>
        `| ${operation} | \`${name}\` | ${kind}, ${unit} | ${dimensions.join(', ')} | ${level} | ${help} |`,
    )
    expect(table).toEqual(rows)
  })

  it('names each metric of an operation once, and gives those of one name one kind and unit', () => {
    const names = everyMetric.map(({ operation, name }) => `${operation}/${name}`)
    expect(new Set(names).size).toBe(names.length)
    const shapes = new Set(everyMetric.map(({ name, kind, unit }) => `${name} ${kind} ${unit}`))
    expect(shapes.size).toBe(new Set(everyMetric.map(({ name }) => name)).size)
  })
})
