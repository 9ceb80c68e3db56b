/**
 * `npm test`: everything a change must pass, in the order in which it fails fastest. Each step prints its time; the
 * last line counts the tests of all suites. `npm test -- units` runs the steps whose name starts so.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkNode, ensureBuilt, ensureInstalled, root, run, runTool } from './setup.mjs'

const results = join(root, '.cache', 'results')
const suite = (name, ...reporters) => [
  name,
  () =>
    runTool('vitest/vitest.mjs', [
      'run',
      '--project',
      name,
      '--reporter=default',
      ...reporters.map((reporter) => `--reporter=${reporter}`),
      '--reporter=json',
      `--outputFile.json=${join(results, `${name}.json`)}`,
    ]),
]

const steps = [
  ['types', () => runTool('typescript/bin/tsc', ['-p', 'tsconfig.test.json'])],
  ['lint', () => runTool('oxlint/bin/oxlint', ['--deny-warnings'])],
  ['format', () => runTool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])],
  ['dependencies', () => run('npm', ['run', '--silent', 'check:deps'], { shell: process.platform === 'win32' })],
  ['dead code', () => run('npm', ['run', '--silent', 'check:dead'], { shell: process.platform === 'win32' })],
  suite('units'),
  suite('conformance', './scripts/conformance-counts.mjs'),
  suite('simulation'),
  suite('fuzz'),
  suite('crash'),
]

/** What the steps before the simulations take on two quiet cores, and a little more. */
const BEFORE_SIMULATION_S = 225

checkNode()
await ensureInstalled()
await ensureBuilt()
rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })

const wanted = process.argv.slice(2)
const isWanted = (name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start))
const failed = []
/** Types and format take half a minute and a core each: they run side by side, and are told in their turn. */
const [format] = ['types', 'format'].every(isWanted)
  ? steps.filter(([name]) => name === 'format').map(([, step]) => step())
  : []
const beganAt = performance.now()
for (const [name, step] of steps) {
  if (!isWanted(name)) continue
  const startedAt = performance.now()
  // What is slow today has less of what goes by time, so that the whole ends in its time (tests/support/pace.ts).
  if (name === 'simulation' && wanted.length === 0)
    process.env.MILLRACE_PACE ??= String(Math.min(1, BEFORE_SIMULATION_S / ((startedAt - beganAt) / 1000)))
  console.log(`\n── ${name}`)
  const code = await ((name === 'format' ? format : undefined) ?? step())
  console.log(`── ${name}: ${code === 0 ? 'ok' : 'FAILED'} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  if (code !== 0) failed.push(name)
}

let passes = 0
let failures = 0
for (const [name] of steps) {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(join(results, `${name}.json`), 'utf8'))
    passes += numPassedTests
    failures += numFailedTests
  } catch {
    // Not a suite, or it did not run.
  }
}
if (failed.length > 0) console.log(`\nFailed: ${failed.join(', ')}`)
console.log(`\n${passes} passed, ${failures} failed`)
process.exit(failed.length > 0 ? 1 : 0)
