/**
 * Every call site of the disk port in the log × every fault that its call can give, at the first time that a history
 * passes there and at a later one: what it comes to is what docs/reference/faults.md says, nothing acknowledged is lost,
 * nothing refused is shown, no file is left behind, and after the fault it goes on, in that life or in the next. The same
 * histories each time; with MILLRACE_SOAK_SECONDS others, until then. MILLRACE_FAULT replays one cell.
 */
import { readFileSync } from 'node:fs'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { type CallPlace, type CallSite, callSites, DISK_CALLS, type DiskCall } from './call-sites.ts'
import { type Cell, FAULTS, type Passes, passesOf, runCell } from './fault-matrix.ts'
import { ROW_NAMES, rowOf, UNREACHED } from './fault-rows.ts'
import { Violation } from './oracle.ts'

/** Histories among which the cheapest that leads to a place is sought. All places are reached after some 100. */
const HISTORIES_MIN = 60
const HISTORIES_MAX = 600

const soakSeconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0)
const sites = callSites(DISK_CALLS)
const reachable = [...sites].filter(([, { name }]) => !UNREACHED.has(name))

it('every place belongs to a row of the table of faults', () => {
  expect([...sites.values()].filter((place) => rowOf(place) === undefined && !UNREACHED.has(place.name))).toEqual([])
  const page = readFileSync(new URL('../../../docs/reference/faults.md', import.meta.url), 'utf8')
  for (const name of ROW_NAMES) expect(page).toContain(`\n| ${name} |`)
})

it('a fault at any place comes to what the table says', { timeout: 240_000 + soakSeconds * 1_000 }, async () => {
  const replay = process.env['MILLRACE_FAULT']
  if (replay !== undefined) {
    const cell = parse(replay)
    return void process.stderr.write(`${describe(cell)}: ${await checked(cell)}\n`)
  }
  const startMs = systemClock.monotonic()
  let seed = soakSeconds > 0 ? randomBelow(systemRandom, 1_000_000) : 1
  let cells = 0
  const failures: string[] = []
  do {
    const histories = await findHistories(seed)
    seed += histories.length
    const lines: string[] = []
    for (const [site] of reachable) {
      const outcomes = new Map<string, string[]>()
      for (const cell of cellsOf(site, histories)) {
        cells++
        const outcome = await checked(cell).catch((error: Error) => void failures.push(error.message))
        if (outcome === undefined) continue
        outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), `${cell.fault.name}@${cell.pass}`])
      }
      for (const [outcome, faults] of outcomes) lines.push(`  ${site}: ${faults.join(' ')} → ${outcome}`)
    }
    const seconds = ((systemClock.monotonic() - startMs) / 1_000).toFixed(1)
    process.stderr.write(`log faults by place: ${cells} cells in ${seconds} s\n${lines.join('\n')}\n`)
    expect(failures).toEqual([])
  } while (systemClock.monotonic() - startMs < soakSeconds * 1_000)
})

/** Histories that together lead to every place, from `seed` on; those that cost least first. */
async function findHistories(seed: number): Promise<readonly Passes[]> {
  const missing = new Set(reachable.map(([site]) => site))
  const histories: Passes[] = []
  for (; histories.length < HISTORIES_MIN || (missing.size > 0 && histories.length < HISTORIES_MAX); seed++) {
    const passes = await passesOf(seed)
    for (const site of passes.bySite.keys()) missing.delete(site)
    histories.push(passes)
  }
  // A line that no history goes through: give the histories something that leads there, or say why none can.
  expect([...missing]).toEqual([])
  return histories.sort((a, b) => a.operations - b.operations)
}

function cellsOf(site: CallSite, histories: readonly Passes[]): readonly Cell[] {
  const passesIn = ({ bySite }: Passes): readonly number[] => bySite.get(site) ?? []
  const first = histories.find((history) => passesIn(history).length > 0)
  const later = histories.find((history) => passesIn(history).length > 1)
  const places = [
    [first, first === undefined ? undefined : passesIn(first)[0]],
    [later, later === undefined ? undefined : passesIn(later).at(-1)],
  ] as const
  return places.flatMap(([history, pass]) =>
    history === undefined || pass === undefined
      ? []
      : FAULTS[callOf(site)].map((fault) => ({ seed: history.seed, site, pass, fault })),
  )
}

/** Runs the cell; answers with what the fault came to. */
async function checked(cell: Cell): Promise<string> {
  try {
    const outcome = await runCell(cell)
    const row = rowOf(sites.get(cell.site) as CallPlace)
    if (row?.outcomes.some((known) => known === outcome) !== true) {
      throw new Violation(
        `it comes to: ${outcome}; docs/reference/faults.md, ${row?.name}: ${row?.outcomes.join(', ')}`,
      )
    }
    return outcome
  } catch (error) {
    throw new Error(
      `${describe(cell)}: ${error instanceof Error ? error.message : String(error)}\n` +
        `  again: MILLRACE_FAULT='${cell.seed}/${cell.site}/${cell.pass}/${cell.fault.name}' ` +
        'npx vitest run --project simulation tests/simulation/log/fault-matrix',
      { cause: error },
    )
  }
}

function describe({ seed, site, pass, fault }: Cell): string {
  return `${fault.name} at ${site} (${sites.get(site)?.name}), pass ${pass} of seed ${seed}`
}

/** Paths have slashes of their own. */
function parse(text: string): Cell {
  const [, seed, site, pass, name] = /^(\d+)\/(.+)\/(\d+)\/([\w-]+)$/.exec(text) ?? []
  const fault = site === undefined ? undefined : FAULTS[callOf(site)]?.find((known) => known.name === name)
  if (site === undefined || fault === undefined || !sites.has(site)) throw new Error(`no such cell: ${text}`)
  return { seed: Number(seed), site, pass: Number(pass), fault }
}

function callOf(site: CallSite): DiskCall {
  return site.slice(site.indexOf(' ') + 1) as DiskCall
}
