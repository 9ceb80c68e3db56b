/**
 * `npm run soak`: the random suites again, with more of everything. `npm run soak -- simulation kill` runs parts of it;
 * all together take six to seven hours on two cores. MILLRACE_SOAK_MINUTES bounds each file that goes by time (default 45).
 */
import { checkNode, ensureBuilt, ensureInstalled, runTool } from './setup.mjs'

const seconds = String(Number(process.env.MILLRACE_SOAK_MINUTES ?? 45) * 60)

const consumerAmounts = {
  MILLRACE_CONSUMER_SECONDS: '300',
  MILLRACE_CONSUMER_SHARDS: '64',
  MILLRACE_CONSUMER_WORKERS: '4',
}

/** Each part: files of a project, and how much of it. What is set outside holds. */
const parts = {
  crashes: ['simulation', ['simulation/log/crash'], { MILLRACE_CRASH_STATES: '10000000' }],
  simulation: ['simulation', ['simulation/'], { MILLRACE_SOAK_SECONDS: seconds, MILLRACE_CRASH_STATES: '300000' }],
  // Broad already in a third of the time, as the next.
  engine: [
    'units',
    ['server/src/engine/embedded/embedded-crash'],
    { MILLRACE_SOAK_SECONDS: String(Number(seconds) / 3) },
  ],
  fuzz: ['fuzz', [], { MILLRACE_SOAK_SECONDS: String(Number(seconds) / 3) }],
  kill: [
    'crash',
    ['crash/kill'],
    {
      MILLRACE_KILLS: '300',
      MILLRACE_KILL_BATCH: '150',
      MILLRACE_KILL_PAUSE_MS: '2000',
      MILLRACE_KILL_ACKNOWLEDGED: '1000000',
    },
  ],
  'fan-out': [
    'crash',
    ['crash/fan-out'],
    { MILLRACE_FAN_OUT_SECONDS: '600', MILLRACE_FAN_OUT_CONSUMERS: '20', MILLRACE_FAN_OUT_PRODUCERS: '8' },
  ],
  consumer: ['crash', ['crash/consumer'], consumerAmounts],
  'consumer-dynamodb': ['crash', ['crash/consumer'], { ...consumerAmounts, MILLRACE_CONSUMER_STORE: 'dynamodb' }],
  'consumer-postgres': ['crash', ['crash/consumer'], { ...consumerAmounts, MILLRACE_CONSUMER_STORE: 'postgres' }],
  'consumer-redis': ['crash', ['crash/consumer'], { ...consumerAmounts, MILLRACE_CONSUMER_STORE: 'redis' }],
  power: ['crash', ['crash/power-cut'], { MILLRACE_CUTS: '500' }],
  shards: ['units', ['consumer/src/shards/shard-consumer.properties'], { MILLRACE_SHARD_WORLDS: '100000' }],
  rubbish: ['crash', ['crash/rubbish'], { MILLRACE_RUBBISH_SECONDS: '60' }],
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in parts))
if (unknown.length > 0) {
  console.error(`No such part: ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`)
  process.exit(2)
}
checkNode()
await ensureInstalled()
await ensureBuilt()
const endings = []
for (const [name, [project, files, defaults]] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const amounts = Object.fromEntries(
    Object.entries(defaults).map(([variable, amount]) => [variable, process.env[variable] ?? amount]),
  )
  console.log(
    `\n── soak: ${name} (${Object.entries(amounts)
      .map((pair) => pair.join('='))
      .join(' ')})`,
  )
  const startedAt = performance.now()
  const args = ['run', '--project', project, '--testTimeout', '14400000', ...files]
  const code = await runTool('vitest/vitest.mjs', args, { env: { ...process.env, ...amounts } })
  endings.push(
    `${code === 0 ? 'ok    ' : 'FAILED'} ${name}, ${((performance.now() - startedAt) / 60_000).toFixed(1)} min`,
  )
  if (code !== 0) process.exitCode = 1
}
console.log(`\n${endings.join('\n')}`)
