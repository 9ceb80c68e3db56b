/**
 * `npm run bench [-- ROW…]`: every row of the targets, or those named; prints what it finds and writes bench/RESULTS.md and
 * bench/pictures. The results of rows that are not measured stay. `--quick` takes short rounds and writes nothing.
 * `--gib N` is the size of the log where a large one is wanted, by default 1; `--trickle-minutes N` how long
 * 10,000 shards are trickled into.
 * `--against DIRECTORY [ROW]` measures this checkout's puts against those of another, built one instead (against.ts).
 * `--profile` prints where the processor time of puts goes (profile.ts).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compare } from './against.ts'
import { diskCeiling } from './disk-ceiling.ts'
import { pageWith, section } from './page.ts'
import type { Bench, PartReport } from './part.ts'
import { parts } from './parts.ts'
import { svgOf } from './picture.ts'
import { MeasuredProcess } from './processes.ts'
import { profile } from './profile.ts'
import { signedIn } from './requests.ts'
import { rivals } from './rivals.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    gib: { type: 'string' },
    'trickle-minutes': { type: 'string' },
    against: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
})

const { quick } = values

function positive(option: 'gib' | 'trickle-minutes', byDefault: number): number {
  const value = Number(values[option] ?? byDefault)
  if (!(value > 0)) throw new Error(`expected a number above 0 behind --${option}, found ${values[option]}`)
  return value
}

async function bench(): Promise<void> {
  const unknown = positionals.find((name) => parts.every((part) => part.name !== name))
  if (unknown !== undefined)
    throw new Error(`expected some of ${parts.map(({ name }) => name).join(', ')}, found ${unknown}`)
  const wanted = parts.filter(({ name, isLong = false }) =>
    positionals.length === 0 ? !(quick && isLong) : positionals.includes(name),
  )
  if (quick && positionals.length === 0)
    console.log(`Only by name: ${parts.flatMap(({ name, isLong }) => (isLong ? [name] : [])).join(', ')}.`)
  const gib = positive('gib', quick ? 1 / 16 : 1)
  const trickleMinutes = positive('trickle-minutes', quick ? 1 / 30 : 1 / 3)
  const found = rivals((why) => console.log(why))
  const results = new URL('RESULTS.md', import.meta.url)
  const before = readFileSync(results, 'utf8')
  const sections = new Map<string, string>()
  const startedAt = performance.now()
  const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`
  for (const { name, heading, run } of wanted) {
    const partStartedAt = performance.now()
    const tell = (what: string): void => console.error(`${seconds(startedAt).padStart(6)}  ${name}: ${what}`)
    const report = await inFolder(name, async (folder, started) => {
      const options = signedIn(folder)
      const millrace: Bench['millrace'] = (directory, start = {}) =>
        started(MeasuredProcess.millrace(join(folder, directory), [...options, ...(start.options ?? [])], start))
      const pick: Bench['pick'] = (whole, short) => (quick ? short : whole)
      const disk = [4096, 65_536, 1_048_576].map((bytes) => diskCeiling(folder, bytes, pick(100, 30)))
      const part = await run({ folder, pick, millrace, started, rivals: found, tell, gib, trickleMinutes })
      sections.set(heading, section(heading, name, part, disk))
      return part
    })
    console.log(sections.get(heading))
    tell(`took ${seconds(partStartedAt)}`)
    if (!quick) {
      draw(report)
      // After each part, so that what was measured is not lost with a later one.
      writeFileSync(
        results,
        pageWith(
          before,
          parts.map((part) => part.heading),
          sections,
        ),
      )
    }
  }
}

/** Runs with a folder and processes that are gone afterwards. */
async function inFolder<T>(name: string, run: (folder: string, started: Bench['started']) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), `millrace-bench-${name}-`))
  const processes: MeasuredProcess[] = []
  const started: Bench['started'] = async (starting) => {
    const process = await starting
    processes.push(process)
    return process
  }
  try {
    return await run(folder, started)
  } finally {
    await Promise.all(processes.map((process) => process.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

function draw({ pictures = [] }: PartReport): void {
  const folder = new URL('pictures/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  for (const picture of pictures) writeFileSync(new URL(`${picture.name}.svg`, folder), svgOf(picture))
}

if (values.against !== undefined) await compare(values.against, positionals[0])
else if (values.profile) await profile()
else await bench()
process.exit()
