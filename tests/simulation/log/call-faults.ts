/** What can go wrong with each call of the disk port. */
import type { DiskFault, DiskOperation } from '@millrace/log/testing'
import type { CallSite, DiskCall } from './call-sites.ts'

/** What goes wrong with a call: `name` stands in the table and in the command that replays it. */
export interface NamedFault {
  readonly name: string
  /** Which half of a `writeAndSync`; else of the call itself. */
  readonly half: 'write' | 'sync' | undefined
  readonly of: (operation: DiskOperation) => DiskFault
}

const errno = (code: string): NamedFault => ({ name: code, half: undefined, of: () => ({ code }) })
const shortRead: NamedFault = {
  name: 'short',
  half: undefined,
  of: ({ bytes }) => ({ code: 'EIO', readBytes: Math.floor(bytes / 2) }),
}
const WRITE: readonly NamedFault[] = [
  { name: 'EIO', half: 'write', of: () => ({ code: 'EIO' }) },
  { name: 'ENOSPC', half: 'write', of: () => ({ code: 'ENOSPC' }) },
  { name: 'short', half: 'write', of: ({ bytes }) => ({ code: 'ENOSPC', writtenBytes: Math.floor(bytes / 2) }) },
]
const SYNC: readonly NamedFault[] = [
  { name: 'sync-EIO', half: 'sync', of: () => ({ code: 'EIO', failedSync: 'phantom' }) },
  { name: 'sync-EIO-reverted', half: 'sync', of: () => ({ code: 'EIO', failedSync: 'revert' }) },
  { name: 'sync-ENOSPC', half: 'sync', of: () => ({ code: 'ENOSPC', failedSync: 'phantom' }) },
]

/** Every fault that a call can give. A short read that does not fail is read on by the port: `node-disk.ts`. */
export const FAULTS: Readonly<Record<DiskCall, readonly NamedFault[]>> = {
  open: [errno('EMFILE'), errno('EIO'), errno('EACCES')],
  create: [errno('EMFILE'), errno('ENOSPC'), errno('EIO'), errno('EACCES')],
  list: [errno('EMFILE'), errno('EIO'), errno('EACCES')],
  exists: [errno('EIO'), errno('EACCES')],
  rename: [errno('EIO'), errno('ENOSPC'), errno('EACCES')],
  remove: [errno('EIO'), errno('ENOSPC'), errno('EACCES')],
  makeDirectory: [errno('ENOSPC'), errno('EIO'), errno('EACCES')],
  syncDirectory: [errno('EMFILE'), errno('EIO'), errno('ENOSPC')],
  freeBytes: [errno('EIO')],
  size: [errno('EIO')],
  read: [errno('EIO'), shortRead],
  write: WRITE,
  sync: SYNC,
  writeAndSync: [...WRITE, ...SYNC],
  truncate: [errno('EIO')],
  close: [errno('EIO')],
}

/** Whether the fault is one of this half of a call. */
export function isOf({ half }: NamedFault, { kind }: DiskOperation): boolean {
  return half === undefined || half === kind
}

export function faultsAt(site: CallSite): readonly NamedFault[] {
  return FAULTS[site.slice(site.indexOf(' ') + 1) as DiskCall]
}
