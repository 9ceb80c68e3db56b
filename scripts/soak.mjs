/**
 * `npm run soak`: the random suites again, with more of everything. Takes about an hour; MILLRACE_SOAK_MINUTES sets
 * another length for the simulated part.
 */
import { checkNode, ensureBuilt, ensureInstalled, runTool } from './setup.mjs'

checkNode()
await ensureInstalled()
await ensureBuilt()
const minutes = Number(process.env.MILLRACE_SOAK_MINUTES ?? 45)
const env = {
  ...process.env,
  MILLRACE_SOAK_SECONDS: String(minutes * 60),
  MILLRACE_KILLS: process.env.MILLRACE_KILLS ?? '150',
  MILLRACE_RUBBISH_SECONDS: process.env.MILLRACE_RUBBISH_SECONDS ?? '60',
}
let failed = false
for (const project of ['simulation', 'crash']) {
  const code = await runTool('vitest/vitest.mjs', ['run', '--project', project, '--testTimeout', '7200000'], { env })
  failed ||= code !== 0
}
process.exit(failed ? 1 : 0)
