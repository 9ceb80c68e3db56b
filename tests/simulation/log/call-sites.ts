/**
 * Where the log calls the disk port: every such place in its source, and those that a history went through. A place that
 * no history reaches is a crash, or a fault, that nobody has tried.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Disk, DiskFile } from '@millrace/log'
import type { WrapDisk } from './history.ts'

const SOURCES = fileURLToPath(new URL('../../../packages/log/src', import.meta.url))
/**
 * The port's own implementations, what stands outside of a running log (its check, and its backups:
 * tests/crash/backup.test.ts), tests.
 */
const OUTSIDE =
  /^(testing|backup|check|inspect|held-files|node-disk|writer-thread|read-only-disk|directory-lock|make-directories)|\.(test|contract)\.ts$/

/** Calls that change something on the disk … */
const CHANGES = [
  'create',
  'rename',
  'remove',
  'makeDirectory',
  'syncDirectory',
  'write',
  'writeAndSync',
  'sync',
  'truncate',
] as const
/** … and all of them. */
export const DISK_CALLS = [...CHANGES, 'open', 'list', 'exists', 'freeBytes', 'size', 'read', 'close'] as const
export type DiskCall = (typeof DISK_CALLS)[number]

/** `segment-store.ts:297 rename`: a line of the source, and what it calls. */
export type CallSite = string

export interface CallPlace {
  /** What stands there. */
  readonly code: string
  /** `segment-store.ts #makeNext rename`: where it is, in words that outlive an edit. */
  readonly name: string
}

const FUNCTION =
  /^(?:export )?(?:async )?function\*? (\w+)|^ {2}(?:static )?(?:async )?\*?(?!if|for|while|switch)(#?\w+)\(.*[{(]$/

/** All places in the source of the log that make one of `calls` (default: those that change something). */
export function callSites(calls: readonly DiskCall[] = CHANGES): ReadonlyMap<CallSite, CallPlace> {
  const pattern = new RegExp(`(?:disk|file|source|target)\\??\\.(${calls.join('|')})\\(`, 'gi')
  const sites = new Map<CallSite, CallPlace>()
  for (const path of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || OUTSIDE.test(path)) continue
    let within = ''
    for (const [index, line] of readFileSync(join(SOURCES, path), 'utf8').split('\n').entries()) {
      if (/^\s*(\*|\/\/|\/\*)/.test(line)) continue
      const [, inModule, inClass] = FUNCTION.exec(line) ?? []
      within = inModule ?? inClass ?? within
      for (const [, method] of line.matchAll(pattern)) {
        sites.set(`${path}:${index + 1} ${method}`, { code: line.trim(), name: `${path} ${within} ${method}` })
      }
    }
  }
  return sites
}

/** A disk that notes in `seen` from which place of the log each change is asked for, and how often. */
export function notingDisk(seen: Map<CallSite, number>): WrapDisk {
  const changes: ReadonlySet<DiskCall> = new Set(CHANGES)
  return aroundCalls((call, run) => {
    const site = changes.has(call) ? callerOf(call) : undefined
    if (site !== undefined) seen.set(site, (seen.get(site) ?? 0) + 1)
    return run()
  })
}

/** A disk of which each call goes through `around`, on the stack of its caller. */
export function aroundCalls(around: <R>(call: DiskCall, run: () => R) => R): WrapDisk {
  const wrapFile = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => around('size', () => file.size()),
    read: (into, offset) => around('read', () => file.read(into, offset)),
    write: (bytes, offset) => around('write', () => file.write(bytes, offset)),
    writeAndSync: (bytes, offset) => around('writeAndSync', () => file.writeAndSync(bytes, offset)),
    sync: () => around('sync', () => file.sync()),
    truncate: (size) => around('truncate', () => file.truncate(size)),
    close: () => around('close', () => file.close()),
  })
  return (disk: Disk): Disk => ({
    open: (path) => around('open', async () => wrapFile(await disk.open(path))),
    create: (path) => around('create', async () => wrapFile(await disk.create(path))),
    list: (directory) => around('list', () => disk.list(directory)),
    exists: (path) => around('exists', () => disk.exists(path)),
    rename: (from, to) => around('rename', () => disk.rename(from, to)),
    remove: (path) => around('remove', () => disk.remove(path)),
    makeDirectory: (path) => around('makeDirectory', () => disk.makeDirectory(path)),
    syncDirectory: (path) => around('syncDirectory', () => disk.syncDirectory(path)),
    freeBytes: () => around('freeBytes', () => disk.freeBytes()),
    close: () => disk.close(),
  })
}

/** Stacks in the code as it runs, with the place in the source that each comes from: a map is only asked once for each. */
const sources = new Map<string, string | undefined>()

/** The place in the log's source that is nearest on the stack. */
export function callerOf(method: DiskCall): CallSite | undefined {
  const running = runningStack()
  if (!sources.has(running)) {
    const match = /packages\/log\/src\/([\w/.-]+\.ts):(\d+)/.exec(new Error('where').stack ?? '')
    sources.set(running, match === null ? undefined : `${match[1]}:${match[2]}`)
  }
  const source = sources.get(running)
  return source === undefined ? undefined : `${source} ${method}`
}

function runningStack(): string {
  const prepare = Error.prepareStackTrace
  Error.prepareStackTrace = (_, frames) =>
    frames.map((frame) => `${frame.getFileName()}:${frame.getLineNumber()}:${frame.getColumnNumber()}`).join()
  try {
    return String(new Error('where').stack)
  } finally {
    Error.prepareStackTrace = prepare
  }
}
