/**
 * Where things stand in a backup: files that never change once for all points in time, and for each point what is its
 * own, with its manifest, which is written last. Byte by byte in docs/formats/backup.md.
 *
 *     shared/<key>                       sealed segments, indexes, snapshots
 *     points/<commit>/manifest.json      what the point consists of
 *     points/<commit>/<n>                the segment that was written to, and files beside the log
 */
export const SHARED = 'shared'
export const POINTS = 'points'
/** Commits stay below 2^47. */
const COMMIT_DIGITS = 15

export function pointPath(commit: number): string {
  return `${POINTS}/${String(commit).padStart(COMMIT_DIGITS, '0')}`
}

export function manifestPath(commit: number): string {
  return `${pointPath(commit)}/manifest.json`
}

/** The commit of a point in the name of its folder; `undefined` for other names. */
export function commitInName(name: string): number | undefined {
  return name.length === COMMIT_DIGITS && /^\d+$/.test(name) ? Number(name) : undefined
}
