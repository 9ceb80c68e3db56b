/**
 * `npm run test:mutants`: plants each bug of mutants.ts in turn and runs the suite that must turn red. Ends with 0 only
 * if every suite is green without, and red with its mutant, within the time. Arguments are names; none: all.
 * `--markdown` prints the rows of the table in docs/testing.md.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@millrace/std'
import { type Mutant, MUTANT_VARIABLE, rowStart, type Suite } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const SECONDS_MAX = 60
/** Random suites stop at the first violation; without one they end before the time is up. */
const SOAK_SECONDS = '50'
/** What Vitest prints when a test failed because the source could not be read, not because a promise was broken: of JSON it is the cause. */
const BROKEN = /(?<!Caused by: )SyntaxError|Transform failed|Parse failure|is not defined|Failed to resolve/
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024

interface Run {
  readonly ending: 'green' | 'red' | 'timeout'
  readonly seconds: number
  readonly output: string
}

function run(suite: Suite, environment: Readonly<Record<string, string>>, secondsMax: number): Promise<Run> {
  const startedMs = systemClock.monotonic()
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const args = ['run', '--bail', '1', '--project', suite.project, ...suite.files]
  if (suite.test !== undefined) args.push('--testNamePattern', suite.test)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, ...args], {
      cwd: root,
      env: { ...process.env, ...suite.amounts, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let isLate = false
    const take = (chunk: Buffer): void => {
      if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = systemClock.setTimer(secondsMax * 1_000, () => {
      isLate = true
      child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', (code) => {
      timer.cancel()
      const seconds = (systemClock.monotonic() - startedMs) / 1_000
      resolve({ ending: isLate ? 'timeout' : code === 0 ? 'green' : 'red', seconds, output })
    })
  })
}

async function hunt(mutant: Mutant): Promise<{ readonly caught: boolean; readonly line: string; readonly run: Run }> {
  const result = await run(
    mutant.suite,
    { [MUTANT_VARIABLE]: mutant.name, MILLRACE_SOAK_SECONDS: SOAK_SECONDS },
    SECONDS_MAX,
  )
  const isBroken = result.ending === 'red' && BROKEN.test(result.output)
  const caught = result.ending === 'red' && !isBroken
  const verdict = caught
    ? 'caught'
    : isBroken
      ? 'DOES NOT COMPILE'
      : result.ending === 'green'
        ? 'NOT CAUGHT'
        : 'TOO SLOW'
  const where = [mutant.suite.project, ...mutant.suite.files].join(' ')
  const line =
    isMarkdown && caught
      ? `${rowStart(mutant)} ${result.seconds.toFixed(0)} |`
      : `${verdict.padEnd(10)} ${result.seconds.toFixed(1).padStart(5)} s  ${mutant.name.padEnd(34)} ${where}`
  return { caught, line, run: result }
}

const isMarkdown = process.argv.includes('--markdown')
const wanted = process.argv.slice(2).filter((argument) => argument !== '--markdown')
const unknown = wanted.filter((name) => !MUTANTS.some((mutant) => mutant.name === name))
if (unknown.length > 0) {
  console.error(`No such mutant: ${unknown.join(', ')}. There are: ${MUTANTS.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}
const chosen = wanted.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => wanted.includes(name))
const outputs = join(root, '.cache', 'mutants')
mkdirSync(outputs, { recursive: true })

let failures = 0
// A suite that is red anyway would catch everything.
const suites = new Map(chosen.map(({ suite }) => [JSON.stringify(suite), suite]))
for (const [key, suite] of suites) {
  const { ending, seconds, output } = await run(suite, { MILLRACE_SOAK_SECONDS: '3' }, 10 * SECONDS_MAX)
  if (ending === 'green') continue
  failures++
  writeFileSync(join(outputs, 'without-mutant.log'), output)
  console.log(
    `${ending} without any mutant after ${seconds.toFixed(1)} s: ${key}; see .cache/mutants/without-mutant.log`,
  )
}
console.log(`${suites.size} suites are run without a mutant first: ${failures === 0 ? 'all green' : `${failures} not`}`)

let caughtCount = 0
for (const mutant of chosen) {
  const { caught, line, run: result } = await hunt(mutant)
  console.log(line)
  if (caught) caughtCount++
  else writeFileSync(join(outputs, `${mutant.name}.log`), result.output)
}
console.log(`\n${caughtCount} of ${chosen.length} mutants caught, each within ${SECONDS_MAX} s`)
process.exit(failures > 0 || caughtCount < chosen.length ? 1 : 0)
