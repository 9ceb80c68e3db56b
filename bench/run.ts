/**
 * `npm run bench`: ours against what `node:http` itself can do, interleaved in one run; prints a table and writes
 * bench/RESULTS.md. `--quick` takes short rounds and writes nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskCeiling } from './disk-ceiling.ts'
import { MeasuredProcess } from './processes.ts'
import { markdown } from './report.ts'
import { ACCESS_KEY } from './requests.ts'
import { getRows, putRows } from './rows.ts'

const quick = process.argv.includes('--quick')
const settings = quick ? { rounds: 1, durationMs: 1_500 } : { rounds: 5, durationMs: 2_500 }

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
const credentials = join(folder, 'credentials.yaml')
writeFileSync(
  credentials,
  `accessKeys:\n  - accessKeyId: ${ACCESS_KEY.accessKeyId}\n    secretAccessKey: ${ACCESS_KEY.secretAccessKey}\n`,
)
const disk = [4096, 65536, 1048576].map((bytes) => diskCeiling(folder, bytes))
const millrace = await MeasuredProcess.millrace(join(folder, 'data'), ['--auth', 'keys', '--credentials', credentials])
try {
  const rows = [...(await putRows(millrace, settings)), ...(await getRows(millrace, settings))]
  const report = markdown({ rows, disk, settings, residentMiB: millrace.residentMiB() })
  console.log(report)
  if (!quick) writeFileSync(new URL('RESULTS.md', import.meta.url), report)
} finally {
  await millrace.stop()
  rmSync(folder, { recursive: true, force: true })
}
