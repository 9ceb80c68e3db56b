import type { Log } from '@millrace/log'
import type { SimulatedDisk } from '@millrace/log/testing'

/** There is one of this name, from a snapshot that was not finished: the next one makes way for itself. */
const SNAPSHOT_BEGUN = 'meta/snapshot.tmp'

/** How many files the log knows nothing of: segments beyond those that it counts, and what was to be renamed. */
export function leftoversOf(disk: SimulatedDisk, log: Log): { readonly count: number; readonly text: string } {
  const paths = disk.paths()
  const files = paths.filter((path) => path.endsWith('.seg'))
  const temporary = paths.filter((path) => path.endsWith('.tmp') && path !== SNAPSHOT_BEGUN)
  const { segments, spares } = log.statistics()
  const count = Math.abs(files.length - segments - spares) + temporary.length
  return { count, text: `${[...files, ...temporary].join(', ')} with ${segments} segments and ${spares} spares known` }
}
