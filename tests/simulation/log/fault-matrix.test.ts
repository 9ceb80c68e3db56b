/**
 * Every call site of the disk port in the log × every fault that its call can give, at the first time that a history
 * passes there and at a later one; the same lasting, until the process ends or until the disk is mended; and a second
 * fault while the first is dealt with. What it comes to is what docs/reference/faults.md says, nothing acknowledged is
 * lost, nothing refused is shown, no file is left behind, and after the fault it goes on, in that life or in the next. The
 * same histories each time; with MILLRACE_SOAK_SECONDS others, and more pairs, until then. MILLRACE_FAULT replays one cell.
 */
import { readFileSync } from 'node:fs'
import { type Random, randomBelow, systemClock, systemRandom } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { faultsAt } from './call-faults.ts'
import { type CallPlace, type CallSite, callSites, DISK_CALLS } from './call-sites.ts'
import { type Passes, passesOf, runCell } from './fault-matrix.ts'
import { type Cell, DURATIONS } from './fault-plan.ts'
import { ROW_NAMES, rowOf, UNREACHED, whyNotAllowed } from './fault-rows.ts'
import { Violation } from './oracle.ts'

/** Histories among which the cheapest that leads to a place is sought. All places are reached after some 100. */
const HISTORIES_MIN = 60
const HISTORIES_MAX = 600
/**
 * The second fault hits the places that are passed next, where clean-up is, and some further on: another try, the close,
 * the next start. So many of both, and as far on as this.
 */
const NEXT_PLACES = 3
const FURTHER_PLACES = 2
const FURTHER_PLACES_SOAK = 20
const FURTHEST_PLACE = 30
const DRAWS_MAX = 1_000

/** Pairs that the soak has found. A place by its name: lines move. */
const FOUND: readonly (Omit<Cell, 'site' | 'fault'> & { readonly name: string; readonly fault: string })[] = [
  // The second fault hits the change that is asked for to see whether the log goes on.
  {
    name: 'segment-store.ts #zero write',
    seed: 71_340,
    pass: 1,
    fault: 'ENOSPC',
    lasts: 'once',
    second: { nth: 3, draw: 414 },
  },
  // The index cannot be read again after it was built again.
  {
    name: 'page-cache.ts get read',
    seed: 71_368,
    pass: 1,
    fault: 'EIO',
    lasts: 'once',
    second: { nth: 10, draw: 811 },
  },
  // The commit that fails is one that the upkeep waits for.
  {
    name: 'page-cache.ts get read',
    seed: 71_368,
    pass: 1,
    fault: 'short',
    lasts: 'once',
    second: { nth: 19, draw: 686 },
  },
  // Neither an index nor its segment can be read.
  {
    name: 'page-cache.ts get read',
    seed: 884_637,
    pass: 1,
    fault: 'EIO',
    lasts: 'mended',
    second: { nth: 2, draw: 294 },
  },
]

const soakSeconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0)
const sites = callSites(DISK_CALLS)
const reachable = [...sites].flatMap(([site, { name }]) => (UNREACHED.has(name) ? [] : site))

it('every place belongs to a row of the table of faults', () => {
  expect([...sites.values()].filter((place) => rowOf(place) === undefined && !UNREACHED.has(place.name))).toEqual([])
  const page = readFileSync(new URL('../../../docs/reference/faults.md', import.meta.url), 'utf8')
  for (const name of ROW_NAMES) expect(page).toContain(`\n| ${name} |`)
})

it('pairs that the soak has found come to what the table says', async () => {
  for (const { name, fault, ...cell } of FOUND) {
    const [site] = [...sites].find(([, place]) => place.name === name) ?? []
    if (site === undefined) throw new Error(`no such place: ${name}`)
    await checked({ ...cell, site, fault: faultOf(site, fault) })
  }
})

it('a fault at any place comes to what the table says', { timeout: 240_000 + soakSeconds * 1_000 }, async () => {
  const replay = process.env['MILLRACE_FAULT']
  if (replay !== undefined) {
    const cell = parse(replay)
    return void process.stderr.write(`${describe(cell)}: ${(await checked(cell)).text}\n`)
  }
  const startMs = systemClock.monotonic()
  let seed = soakSeconds > 0 ? randomBelow(systemRandom, 1_000_000) : 1
  do {
    const histories = await findHistories(seed)
    seed += histories.length
    const places = reachable.map((site) => placesOf(site, histories))
    await run(
      'once',
      places.flatMap((all) => all.flatMap(allFaults)),
    )
    await run('lasting', places.flatMap(lastingCells))
    await run(
      'two at once',
      places.flatMap((all) => pairs(all, seededRandom(seed))),
    )
  } while (systemClock.monotonic() - startMs < soakSeconds * 1_000)
})

/** A pass of a history through a place. */
type Place = Pick<Cell, 'seed' | 'site' | 'pass'>

/** Histories that together lead to every place, from `seed` on; those that cost least first. */
async function findHistories(seed: number): Promise<readonly Passes[]> {
  const missing = new Set(reachable)
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

/** The first pass through a place, and a later one if there is any. */
function placesOf(site: CallSite, histories: readonly Passes[]): readonly Place[] {
  const passesIn = ({ bySite }: Passes): readonly number[] => bySite.get(site) ?? []
  const first = histories.find((history) => passesIn(history).length > 0)
  const later = histories.find((history) => passesIn(history).length > 1)
  const places = [
    [first, first === undefined ? undefined : passesIn(first)[0]],
    [later, later === undefined ? undefined : passesIn(later).at(-1)],
  ] as const
  return places.flatMap(([history, pass]) =>
    history === undefined || pass === undefined ? [] : { seed: history.seed, site, pass },
  )
}

function allFaults(place: Place): readonly Cell[] {
  return faultsAt(place.site).map((fault) => ({ ...place, fault, lasts: 'once' }))
}

function lastingCells(places: readonly Place[]): readonly Cell[] {
  const [first, later = first] = places
  if (first === undefined || later === undefined || first.site.endsWith(' close')) return []
  return faultsAt(first.site).flatMap((fault): readonly Cell[] => [
    { ...first, fault, lasts: 'mended' },
    { ...later, fault, lasts: 'life' },
  ])
}

function pairs([place]: readonly Place[], random: Random): readonly Cell[] {
  if (place === undefined || place.site.endsWith(' close')) return []
  const faults = faultsAt(place.site)
  const further = soakSeconds > 0 ? FURTHER_PLACES_SOAK : FURTHER_PLACES
  return Array.from({ length: NEXT_PLACES + further }, (_, i): Cell => {
    const fault = faults[randomBelow(random, faults.length)]
    if (fault === undefined) throw new Error('every call can fail')
    const nth = i < NEXT_PLACES ? i + 1 : NEXT_PLACES + 1 + randomBelow(random, FURTHEST_PLACE - NEXT_PLACES)
    return {
      ...place,
      fault,
      lasts: i % 2 === 0 ? 'once' : 'mended',
      second: { nth, draw: randomBelow(random, DRAWS_MAX) },
    }
  })
}

async function run(name: string, cells: readonly Cell[]): Promise<void> {
  const startMs = systemClock.monotonic()
  const failures: string[] = []
  const bySite = new Map<CallSite, Map<string, string[]>>()
  for (const cell of cells) {
    const outcome = await checked(cell).catch((error: Error) => void failures.push(error.message))
    if (outcome === undefined) continue
    const outcomes = bySite.get(cell.site) ?? new Map<string, string[]>()
    bySite.set(cell.site, outcomes)
    outcomes.set(outcome.text, [...(outcomes.get(outcome.text) ?? []), outcome.cell])
  }
  const lines = [...bySite].flatMap(([site, outcomes]) =>
    [...outcomes].map(([outcome, faults]) => `  ${site}: ${faults.join(' ')} → ${outcome}`),
  )
  const seconds = ((systemClock.monotonic() - startMs) / 1_000).toFixed(1)
  process.stderr.write(`log faults by place, ${name}: ${cells.length} cells in ${seconds} s\n${lines.join('\n')}\n`)
  expect(failures).toEqual([])
}

/** Runs the cell; answers with its name within its place, and what it came to. */
async function checked(cell: Cell): Promise<{ readonly cell: string; readonly text: string }> {
  try {
    const { signs, second } = await runCell(cell)
    const text = [...signs].sort().join(' + ') || 'nothing'
    const hit = [cell.site, ...(second === undefined ? [] : [second.site])]
    const problem = whyNotAllowed(
      hit.map((site) => sites.get(site) as CallPlace),
      cell,
      signs,
    )
    if (problem !== undefined) throw new Violation(`it comes to: ${text}; docs/reference/faults.md, ${problem}`)
    const name = `${cell.fault.name}@${cell.pass}${cell.lasts === 'once' ? '' : ` ${cell.lasts}`}`
    if (cell.second === undefined) return { cell: name, text }
    const also = second === undefined ? 'no second' : `${second.fault.name} at ${second.site}`
    return { cell: `${name} + ${also},`, text }
  } catch (error) {
    throw new Error(
      `${describe(cell)}: ${error instanceof Error ? error.message : String(error)}\n` +
        `  again: MILLRACE_FAULT='${format(cell)}' ` +
        'npx vitest run --project simulation tests/simulation/log/fault-matrix',
      { cause: error },
    )
  }
}

function describe({ seed, site, pass, fault, lasts, second }: Cell): string {
  const where = `${fault.name} (${lasts}) at ${site} (${sites.get(site)?.name}), pass ${pass} of seed ${seed}`
  return second === undefined ? where : `${where}, and another fault at the place ${second.nth} after it`
}

function format({ seed, site, pass, fault, lasts, second }: Cell): string {
  const cell = `${seed}/${site}/${pass}/${fault.name}/${lasts}`
  return second === undefined ? cell : `${cell}/${second.nth}/${second.draw}`
}

/** Paths have slashes of their own. */
function parse(text: string): Cell {
  const [, seed, site = '', pass, name, duration, nth, draw] =
    /^(\d+)\/(.+)\/(\d+)\/([\w-]+)\/([a-z]+)(?:\/(\d+)\/(\d+))?$/.exec(text) ?? []
  const lasts = DURATIONS.find((known) => known === duration)
  if (!sites.has(site) || lasts === undefined) throw new Error(`no such cell: ${text}`)
  const cell = { seed: Number(seed), site, pass: Number(pass), fault: faultOf(site, name), lasts }
  return nth === undefined ? cell : { ...cell, second: { nth: Number(nth), draw: Number(draw) } }
}

function faultOf(site: CallSite, name: string | undefined): Cell['fault'] {
  const fault = faultsAt(site).find((known) => known.name === name)
  if (fault === undefined) throw new Error(`no such fault at ${site}: ${name}`)
  return fault
}
