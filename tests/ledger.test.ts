/**
 * The tables that say what there is: docs/facts.md, fact by fact, and docs/compatibility.md, the ledger of what differs from
 * the real service; docs/consumer-beside-others.md, what consumers have. Nothing in them may be without the test or the
 * reason that it names.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../', import.meta.url)
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8')

/** The cells of every row of every table of a document or a part of one. */
const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (Id|Section|Behaviour|Operation|What|No) \|/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    )

interface Fact {
  readonly id: string
  readonly seen: string
  readonly fact: string
  readonly shownBy: readonly string[]
}

const [factsText = '', countsText = ''] = textOf('docs/facts.md').split('\n## Counts\n')
const facts = rowsOf(factsText).map(([id = '', seen = '', fact = '', shownBy = '']): Fact => ({
  id,
  seen,
  fact,
  shownBy: shownBy.split('<br>'),
}))
const ledger = rowsOf(textOf('docs/compatibility.md'))

const pathOf = (short: string): string => {
  const [first = '', ...rest] = short.split('/')
  if (first === 'tests') return `${short}.test.ts`
  return existsSync(new URL(`packages/${first}`, root))
    ? `packages/${first}/src/${rest.join('/')}.test.ts`
    : `tests/${short}.test.ts`
}

const literals = new Map<string, string[]>()
/** What stands in quotes in a file: among it the names of tests and of their rows. */
function literalsOf(path: string): string[] {
  let found = literals.get(path)
  if (found === undefined) {
    found = [...textOf(path).matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`|"((?:[^"\\\n]|\\.)*)"/g)].map(
      ([, single, template, double]) => single ?? template ?? double ?? '',
    )
    literals.set(path, found)
  }
  return found
}

/** What is wrong with where a fact is shown; undefined if nothing is. */
function faultOf(shownBy: string): string | undefined {
  const reason = /^ledger: (.+)$/.exec(shownBy)?.[1]
  if (reason !== undefined) {
    const row = ledger.find(([name]) => name === reason)
    if (row === undefined) return `the ledger has no row '${reason}'`
    return row[1] === 'same' ? `the ledger says 'same' of '${reason}': name its test` : undefined
  }
  const [, short = '', name = ''] = /^`([^`]+)` (.+)$/.exec(shownBy) ?? []
  if (short === '')
    return `expected a file in backquotes and the name of a test, or a row of the ledger; found '${shownBy}'`
  const path = pathOf(short)
  if (!existsSync(new URL(path, root))) return `${path} is not there`
  return literalsOf(path).includes(name) ? undefined : `${path} has no test '${name}'`
}

describe('docs/facts.md', () => {
  it('holds what is known, each fact once, in order', () => {
    expect(facts.length).toBeGreaterThanOrEqual(300)
    const numbers = facts.map(({ id }) => (/^K(\d+)\.(\d+)$/.exec(id) ?? [id, NaN, NaN]).slice(1).map(Number))
    const places = numbers.map(([section = NaN, number = NaN]) => section * 1_000 + number)
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
    for (const { id, seen, fact } of facts) {
      expect(`${id} ${seen}`).toMatch(/^K\d+\.\d+ [PRWMDC]( [PRWMDC])*$/)
      expect(fact).not.toBe('')
    }
  })

  it('has of each section as many facts seen in production as it says, and no fewer than were known, or says why', () => {
    const headings = [...factsText.matchAll(/^## (\d+ .+)$/gm)].map(([, heading]) => heading)
    const counts = rowsOf(countsText)
    expect(counts.map(([heading]) => heading)).toEqual(headings)
    for (const [heading = '', ...cells] of counts) {
      const ofSection = facts.filter(({ id }) => id.startsWith(`K${heading.split(' ', 1)[0]}.`))
      const numbers = cells.slice(0, 6).map(Number)
      const known = [numbers[0], numbers[2], numbers[4]] as number[]
      const here = ['P', 'R', 'W'].map((mark) => ofSection.filter(({ seen }) => seen.split(' ').includes(mark)).length)
      expect([heading, numbers[1], numbers[3], numbers[5]]).toEqual([heading, ...here])
      const isFewer = here.some((count, i) => count < (known[i] ?? NaN))
      expect([heading, isFewer]).toEqual([heading, cells[6] !== ''])
    }
  })

  it('has all that is easy to get wrong', () => {
    const easy = facts.filter(({ id }) => id.startsWith('K25.')).map(({ id }) => id)
    expect(easy).toEqual(Array.from({ length: 33 }, (_, i) => `K25.${i + 1}`))
  })

  it('shows each fact by a test that is there, or says in the ledger why it is not so here', () => {
    const faults = facts.flatMap(({ id, shownBy }) =>
      shownBy.map(faultOf).flatMap((fault) => (fault === undefined ? [] : [`${id}: ${fault}`])),
    )
    expect(faults).toEqual([])
  })
})

describe('docs/compatibility.md', () => {
  it('says of each behaviour whether it is the same, differs or is absent', () => {
    for (const [name, ours] of ledger)
      expect([name, ours]).toEqual([name, expect.stringMatching(/^(same|differs|absent)$/)])
    const names = ledger.map(([name]) => name)
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  })

  it('says what differs, and why something is absent', () => {
    expect(ledger.filter(([, ours, notes]) => ours !== 'same' && notes === '').map(([name]) => name)).toEqual([])
  })

  it('names a test of each that is not absent, and tests that are there', () => {
    for (const [name, ours, , shownBy = ''] of ledger) {
      const paths = [...shownBy.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)
      expect([name, paths.filter((path) => !existsSync(new URL(path, root)))]).toEqual([name, []])
      expect([name, ours === 'absent' || paths.length > 0]).toEqual([name, true])
    }
  })
})

describe('docs/consumer-beside-others.md', () => {
  it('shows each row by tests that are there, and says of what is not whole what is missing', () => {
    const rows = rowsOf(textOf('docs/consumer-beside-others.md'))
    expect(rows.length).toBeGreaterThan(30)
    for (const row of rows) {
      const [ours = '', missing, shownBy = ''] = row.slice(-3)
      expect([row[0], ours]).toEqual([row[0], expect.stringMatching(/^(yes|partly|no)$/)])
      expect([row[0], ours === 'yes' || missing !== '']).toEqual([row[0], true])
      expect(shownBy.split('<br>').map(faultOf)).toEqual(shownBy.split('<br>').map(() => undefined))
    }
  })
})
