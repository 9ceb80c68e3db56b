/**
 * `npm run bench`: ours against what `node:http` itself can do, interleaved in one run, and how soon records are
 * delivered; prints tables and writes bench/RESULTS.md. `delivery` or `throughput` names one part: the other's results stay.
 * `--quick` takes short rounds and writes nothing. `--against DIRECTORY` measures this checkout's puts against those of
 * another, built one instead (against.ts); behind it may stand a part of a row's name. `--profile` prints where the
 * processor time of puts goes (profile.ts).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compare } from './against.ts'
import { deliveryRows } from './delivery.ts'
import { diskCeiling } from './disk-ceiling.ts'
import { MeasuredProcess } from './processes.ts'
import { profile } from './profile.ts'
import { DELIVERY_HEADING, deliveryMarkdown, markdown } from './report.ts'
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
const parts = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const unknown = parts.find((part) => part !== 'throughput' && part !== 'delivery')
if (unknown !== undefined) throw new Error(`expected throughput or delivery, found ${unknown}`)
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

try {
  const before = readFileSync(results, 'utf8')
  const deliveryAt = before.indexOf(DELIVERY_HEADING)
  let [throughput, delivery] =
    deliveryAt === -1 ? [`${before}\n`, ''] : [before.slice(0, deliveryAt), before.slice(deliveryAt)]
  if (isWanted('throughput')) {
    const disk = [4096, 65536, 1048576].map((bytes) => diskCeiling(folder, bytes))
    throughput = await measured('throughput', async (millrace) => {
      const rows = [...(await putRows(millrace, settings)), ...(await getRows(millrace, settings))]
      return `${markdown({ rows, disk, settings, residentMiB: millrace.residentMiB() })}\n`
    })
  }
  if (isWanted('delivery'))
    delivery = await measured('delivery', async (millrace) =>
      deliveryMarkdown(await deliveryRows(millrace, settings), settings),
    )
  if (!quick) writeFileSync(results, throughput + delivery)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
