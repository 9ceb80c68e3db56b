/**
 * Where the log calls the disk port so that something changes: every such place in its source, and those that a history
 * went through. A place that no history reaches is a crash that nobody has tried.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Disk, DiskFile } from '@millrace/log'
import type { WrapDisk } from './history.ts'

const SOURCES = fileURLToPath(new URL('../../../packages/log/src', import.meta.url))
/** The port's own implementations, what stands outside of it (its backups too: tests/crash/backup.test.ts), tests. */
const OUTSIDE =
  /^(testing|backup|node-disk|writer-thread|read-only-disk|directory-lock|make-directories)|\.(test|contract)\.ts$/
const CALL =
  /(?:disk|file|source|target)\??\.(create|rename|remove|makeDirectory|syncDirectory|write|writeAndSync|sync|truncate)\(/gi

/** `segment-store.ts:297 rename`: a line of the source, and what it calls. */
export type CallSite = string

/** All places in the source of the log that change something on the disk, with what stands there. */
export function callSites(): ReadonlyMap<CallSite, string> {
  const sites = new Map<CallSite, string>()
  for (const path of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || OUTSIDE.test(path)) continue
    for (const [index, line] of readFileSync(join(SOURCES, path), 'utf8').split('\n').entries()) {
      if (/^\s*(\*|\/\/|\/\*)/.test(line)) continue
      for (const [, method] of line.matchAll(CALL)) sites.set(`${path}:${index + 1} ${method}`, line.trim())
    }
  }
  return sites
}

/** A disk that notes in `seen` from which place of the log each change is asked for, and how often. */
export function notingDisk(seen: Map<CallSite, number>): WrapDisk {
  const note = (method: string): void => {
    const site = callerOf(method)
    if (site !== undefined) seen.set(site, (seen.get(site) ?? 0) + 1)
  }
  const noting =
    <A extends unknown[], R>(method: string, call: (...args: A) => R) =>
    (...args: A): R => {
      note(method)
      return call(...args)
    }
  const notingFile = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    read: (into, offset) => file.read(into, offset),
    close: () => file.close(),
    write: noting('write', (bytes: Uint8Array, offset: number) => file.write(bytes, offset)),
    writeAndSync: noting('writeAndSync', (bytes: Uint8Array, offset: number) => file.writeAndSync(bytes, offset)),
    sync: noting('sync', () => file.sync()),
    truncate: noting('truncate', (size: number) => file.truncate(size)),
  })
  return (disk: Disk): Disk => ({
    open: async (path) => notingFile(await disk.open(path)),
    create: noting('create', async (path: string) => notingFile(await disk.create(path))),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    rename: noting('rename', (from: string, to: string) => disk.rename(from, to)),
    remove: noting('remove', (path: string) => disk.remove(path)),
    makeDirectory: noting('makeDirectory', (path: string) => disk.makeDirectory(path)),
    syncDirectory: noting('syncDirectory', (path: string) => disk.syncDirectory(path)),
    freeBytes: () => disk.freeBytes(),
    close: () => disk.close(),
  })
}

/** Places in the code as it runs, with those of the source: a map is only asked once for each. */
const sources = new Map<string, string | undefined>()

/** The place in the log's source that is nearest on the stack. */
function callerOf(method: string): CallSite | undefined {
  const running = runningPlace()
  if (!sources.has(running)) {
    const match = /packages\/log\/src\/([\w/.-]+\.ts):(\d+)/.exec(new Error('where').stack ?? '')
    sources.set(running, match === null ? undefined : `${match[1]}:${match[2]}`)
  }
  const source = sources.get(running)
  return source === undefined ? undefined : `${source} ${method}`
}

function runningPlace(): string {
  const prepare = Error.prepareStackTrace
  Error.prepareStackTrace = (_, frames) => {
    const frame = frames.find((one) => one.getFileName()?.includes('packages/log/src/'))
    return `${frame?.getFileName()}:${frame?.getLineNumber()}:${frame?.getColumnNumber()}`
  }
  try {
    return String(new Error('where').stack)
  } finally {
    Error.prepareStackTrace = prepare
  }
}
