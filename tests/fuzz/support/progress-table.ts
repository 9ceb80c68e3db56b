/** What was tried, as a table for people. */
import type { Tally } from './fuzzer.ts'

export function printTable(tallies: readonly Tally[]): string {
  const rows = tallies.map(({ target, executions, elapsedMs, corpus, seed, slowestMs, largestBytes }) => [
    target,
    String(executions),
    String(Math.round((executions * 1000) / Math.max(1, elapsedMs))),
    `${(elapsedMs / 1000).toFixed(1)} s`,
    String(corpus),
    slowestMs === undefined ? '' : `${slowestMs.toFixed(0)} ms`,
    `${(largestBytes / 2 ** 20).toFixed(1)} MiB`,
    `MILLRACE_FUZZ=${target}:${seed}:INDEX`,
  ])
  const all = [['target', 'executions', 'exec/s', 'took', 'corpus', 'slowest', 'largest', 'repeat one'], ...rows]
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
