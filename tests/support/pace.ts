/**
 * Bounds by time that give way: `npm test` measures what it did before the simulations against a quiet machine, and says in
 * MILLRACE_PACE how much of their time they have (1 at most), so that on a slow machine all of it still ends in its time.
 */
export function pacedSeconds(seconds: number): number {
  return seconds * Number(process.env['MILLRACE_PACE'] ?? 1)
}
