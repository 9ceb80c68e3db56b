/**
 * `npm run bench`: ours against what `node:http` itself can do, interleaved in one run, and how soon records are
 * delivered, what consumers reach, and what growth costs; prints tables and writes bench/RESULTS.md. `throughput`, `delivery`,
 * `consumers` or `growth` names one part: the others' results stay. `--gib N` is the size of the log in `growth`, by default 1.
 * `--quick` takes short rounds and writes nothing. `--against DIRECTORY` measures this checkout's puts against those of
 * another, built one instead (against.ts); behind it may stand a part of a row's name. `--profile` prints where the
 * processor time of puts goes (profile.ts).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compare } from './against.ts'
import { consumerRows } from './consumers.ts'
import { deliveryRows } from './delivery.ts'
import { diskCeiling } from './disk-ceiling.ts'
import { growthRows } from './growth.ts'
import { MeasuredProcess } from './processes.ts'
import { profile } from './profile.ts'
import {
  CONSUMERS_HEADING,
  consumersMarkdown,
  DELIVERY_HEADING,
  deliveryMarkdown,
  GROWTH_HEADING,
  growthMarkdown,
  markdown,
  THROUGHPUT_HEADING,
} from './report.ts'
import { signedIn } from './requests.ts'
import { getRows, putRows } from './rows.ts'

const against = process.argv.indexOf('--against')
if (against !== -1) {
  await compare(process.argv[against + 1] ?? '', process.argv[against + 2])
  process.exit()
}
if (process.argv.includes('--profile')) {
  await profile()
  process.exit()
}
const quick = process.argv.includes('--quick')
const gibAt = process.argv.indexOf('--gib')
const gib = gibAt === -1 ? (quick ? 1 / 16 : 1) : Number(process.argv[gibAt + 1])
if (!(gib > 0)) throw new Error('expected a number of GiB behind --gib')
const parts = process.argv
  .slice(2)
  .filter((argument, i) => !argument.startsWith('--') && (gibAt === -1 || i + 1 !== gibAt))
const PARTS = [
  ['throughput', THROUGHPUT_HEADING],
  ['delivery', DELIVERY_HEADING],
  ['consumers', CONSUMERS_HEADING],
  ['growth', GROWTH_HEADING],
] as const
const unknown = parts.find((part) => PARTS.every(([name]) => name !== part))
if (unknown !== undefined) throw new Error(`expected throughput, delivery, consumers or growth, found ${unknown}`)
const isWanted = (part: string): boolean => parts.length === 0 || parts.includes(part)
const settings = quick ? { rounds: 1, durationMs: 1_500 } : { rounds: 5, durationMs: 2_500 }
const results = new URL('RESULTS.md', import.meta.url)

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const options = signedIn(folder)

/** Runs a part against a server of its own. */
async function measured(name: string, part: (millrace: MeasuredProcess) => Promise<string>): Promise<string> {
  const millrace = await MeasuredProcess.millrace(join(folder, name), options)
  try {
    const report = await part(millrace)
    console.log(report)
    return report
  } finally {
    await millrace.stop()
  }
}

/** What the page says of a part, from its heading to the next. */
function partOf(page: string, heading: string): string {
  const start = page.indexOf(`${heading}\n`)
  if (start === -1) return ''
  const ends = PARTS.map(([, other]) => page.indexOf(`\n${other}\n`, start)).filter((end) => end !== -1)
  return `${page.slice(start, Math.min(...ends, page.length)).trimEnd()}\n`
}

try {
  const before = readFileSync(results, 'utf8')
  const page: string[] = []
  for (const [part, heading] of PARTS) {
    if (!isWanted(part)) page.push(partOf(before, heading))
    else if (part === 'throughput') {
      const disk = [4096, 65536, 1048576].map((bytes) => diskCeiling(folder, bytes))
      page.push(
        await measured(part, async (millrace) => {
          const rows = [...(await putRows(millrace, settings)), ...(await getRows(millrace, settings))]
          return markdown({ rows, disk, settings, residentMiB: millrace.residentMiB() })
        }),
      )
    } else if (part === 'delivery')
      page.push(
        await measured(part, async (millrace) => deliveryMarkdown(await deliveryRows(millrace, settings), settings)),
      )
    else if (part === 'growth') {
      const growth = quick
        ? { rounds: 1, durationMs: 300, idleMs: 2_000, gib }
        : { rounds: 5, durationMs: 500, idleMs: 10_000, gib }
      const report = growthMarkdown(await growthRows(folder, options, growth), growth)
      console.log(report)
      page.push(report)
    } else
      page.push(
        await measured(part, async (millrace) => consumersMarkdown(await consumerRows(millrace, settings), settings)),
      )
  }
  if (!quick) writeFileSync(results, page.filter((part) => part !== '').join('\n'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
