/**
 * A data directory that no server has open, for `check` and `dump`: held by its lock while it is looked at, and never
 * written to.
 */
import { stat } from 'node:fs/promises'

import { checkLog, type Finding, type Inspected, inspectLog, lockDirectory, NodeDisk } from '@millrace/log'
import type { Clock, Random } from '@millrace/std'

import { ConfigError } from './config-error.ts'

export interface DataDirectory {
  /** What is wrong in it, as it is found. Nothing: all is well. */
  check(signal?: AbortSignal): AsyncIterable<Finding>
  /** Its segments, commits and ends, in order. */
  dump(): AsyncIterable<Inspected>
  close(): Promise<void>
}

/** Rejects with ConfigError when there is none, and as `startServer` does when a live process has it. */
export async function openDataDirectory(
  directory: string,
  options: { readonly clock: Clock; readonly random: Random },
): Promise<DataDirectory> {
  const log = await stat(`${directory}/log`).catch(() => undefined)
  if (log?.isDirectory() !== true) throw new ConfigError(`${directory}: expected a data directory, found no log in it`)
  const lock = await lockDirectory(directory, options)
  const disk = await NodeDisk.open(directory)
  return {
    check: (signal) => checkLog(disk, signal === undefined ? {} : { signal }),
    dump: () => inspectLog(disk),
    async close() {
      await disk.close()
      await lock.release()
    },
  }
}
