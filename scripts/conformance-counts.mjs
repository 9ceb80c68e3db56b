/**
 * A reporter for Vitest: what the conformance suite showed, counted by operation (a file is an operation, but for the
 * few that are about more than one), and what of it does not apply to the service, by name and reason.
 */
import { basename } from 'node:path'

const SLOW = 'takes minutes: --slow runs it'

export default class ConformanceCounts {
  onTestRunEnd(testModules) {
    const counts = new Map()
    const absent = new Map()
    for (const { moduleId, children } of testModules)
      for (const test of children.allTests()) {
        const file = basename(moduleId, '.test.ts')
        const { state, note } = test.result()
        const count = counts.get(file) ?? { passed: 0, failed: 0, skipped: 0 }
        counts.set(file, count)
        count[state] = (count[state] ?? 0) + 1
        if (state !== 'skipped') continue
        const reason = note ?? (test.tags.includes('slow') ? SLOW : 'no reason given')
        absent.set(reason, [...(absent.get(reason) ?? []), `${file}: ${test.name}`])
      }
    if (
      process.env.MILLRACE_CONFORMANCE_ENDPOINT === undefined &&
      [...absent.keys()].some((reason) => reason !== SLOW)
    ) {
      console.log('\nOur own servers are such that everything applies to one of them: nothing may be left out.')
      process.exitCode = 1
    }
    const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
    console.log('\n   passed  failed  not applied')
    for (const [file, { passed, failed, skipped }] of rows)
      console.log(`${cell(passed, 9)}${cell(failed, 8)}${cell(skipped || '', 13)}  ${file}`)
    for (const [reason, tests] of absent) {
      console.log(`\nNot applied (${tests.length}): ${reason}`)
      for (const test of new Set(tests)) console.log(`  ${test}`)
    }
  }
}

const cell = (value, width) => String(value).padStart(width)
