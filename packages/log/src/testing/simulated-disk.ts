/**
 * A disk in memory that loses power. It keeps the promises of the port and no others: writes are volatile until
 * synced, names until their directory is, and each crash decides anew, from a seed, what else survives
 * (crash-mode.ts). Faults (errors, short writes, failing syncs, no space) are injected per operation.
 *
 * `fork` and `crash` copy, cheaply: the disk they are called on lives on, so one run of a program yields a crashed
 * disk for every operation it made. Everything is decided by the `Random` handed in.
 */
import { assert, type Random, randomBelow } from '@millrace/std'
import type { AllocateBuffer, Disk, DiskFile } from '../disk.ts'
import { type CrashMode, drawSurvival } from './crash-mode.ts'
import { keep, SECTOR_BYTES } from './page-image.ts'
import { type FailedSync, SimulatedFile } from './simulated-file.ts'
import { normalisePath, parentOf, SimulatedNames } from './simulated-names.ts'

export type DiskOperationKind =
  | 'open'
  | 'create'
  | 'list'
  | 'exists'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'freeBytes'
  | 'size'
  | 'write'
  | 'sync'
  | 'read'
  | 'truncate'
  | 'closeFile'

/** One call on the disk, as it takes effect. `writeAndSync` is two of them. */
export interface DiskOperation {
  /** Counted from 1 over the life of the disk. */
  readonly index: number
  readonly kind: DiskOperationKind
  readonly path: string
  /** Of a read or write; else 0. */
  readonly bytes: number
  /** Whether a crash after it can differ from one before it. */
  readonly mutates: boolean
  /** What `labelOf` said when the call was made. */
  readonly label: unknown
}

/** What goes wrong with one operation. */
export interface DiskFault {
  /** Node's error code: `EIO`, `ENOSPC`, `EMFILE`, … */
  readonly code: string
  /** A write gets this many bytes into the cache before it fails. Default 0. */
  readonly writtenBytes?: number
  /** A read fills this many bytes before it fails. Default 0. */
  readonly readBytes?: number
  /** What a failed sync leaves behind. Default `phantom`. */
  readonly failedSync?: FailedSync
}

export interface SimulatedDiskOptions {
  readonly random: Random
  /** Files and holes together; beyond it ENOSPC. Default: no bound. */
  readonly capacityBytes?: number
  /** Beyond it EMFILE. Default: no bound. */
  readonly openFilesMax?: number
}

const MUTATING: ReadonlySet<DiskOperationKind> = new Set<DiskOperationKind>([
  'create',
  'rename',
  'remove',
  'makeDirectory',
  'syncDirectory',
  'write',
  'sync',
  'truncate',
])

/** Operations that wait for those before them, as on the writer's thread; others may overtake them. */
const WRITER: ReadonlySet<DiskOperationKind> = new Set<DiskOperationKind>(['write', 'sync', 'truncate', 'closeFile'])

/** How many turns of the microtask queue an operation may wait: enough for others to overtake it. */
const TURNS_MAX = 4

/** Free space of a disk without a bound. */
const UNBOUNDED_BYTES = 2 ** 40

interface WriteInProgress {
  readonly file: number
  /** Kept: they never change. */
  readonly bytes: Uint8Array
  readonly offset: number
}

export class SimulatedDisk implements Disk {
  /** Called as each operation takes effect, before it does: the place to `fork`, `crash` or `halt`. */
  onOperation: ((operation: DiskOperation) => void) | undefined
  /** Asked as each operation takes effect whether it fails. */
  faults: ((operation: DiskOperation) => DiskFault | undefined) | undefined
  /** Asked when an operation has its turn for what it waits for before it takes effect: others overtake it. */
  delays: ((kind: DiskOperationKind, path: string) => Promise<void> | undefined) | undefined
  /** Asked as each call is made, on its caller's stack, for a name that its operations carry: a call may wait its turn. */
  labelOf: (() => unknown) | undefined
  capacityBytes: number | undefined
  openFilesMax: number | undefined

  readonly #random: Random
  #names = new SimulatedNames()
  #files = new Map<number, SimulatedFile>()
  #nextFile = 1
  /** Numbers pending changes across all files and directories. */
  #order = 1
  #operations = 0
  #inProgress: WriteInProgress | undefined
  #writer: Promise<unknown> = Promise.resolve()
  readonly #open = new Map<SimulatedDiskFile, number>()
  #halted = false
  #closed = false

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random
    this.capacityBytes = options.capacityBytes
    this.openFilesMax = options.openFilesMax
  }

  /** Buffers that need no copy; in memory, any will do. */
  readonly allocate: AllocateBuffer = (bytes) => new Uint8Array(bytes)

  /** How many operations took effect. */
  get operations(): number {
    return this.#operations
  }

  get openFiles(): number {
    return this.#open.size
  }

  // ---- lives -------------------------------------------------------------------------------------------------

  /** The same disk once more, without hooks, faults or open files. Changes of one are not seen by the other. */
  fork(random: Random = this.#random): SimulatedDisk {
    const fork = new SimulatedDisk({ random })
    fork.capacityBytes = this.capacityBytes
    fork.openFilesMax = this.openFilesMax
    fork.#names = this.#names.copy()
    for (const [id, file] of this.#files) fork.#files.set(id, file.copy())
    fork.#nextFile = this.#nextFile
    fork.#order = this.#order
    fork.#inProgress = this.#inProgress
    return fork
  }

  /**
   * The disk as the next life finds it when this one ends now, in `mode`. Called from `onOperation` of a write, that
   * write is in progress: a prefix of it may have happened. `cut`: one of `pendingOrders`, for the modes that have one.
   */
  crash(mode: CrashMode, random: Random = this.#random, cut?: number): SimulatedDisk {
    const before = this.#inProgress === undefined ? this : this.fork(random)
    before.#finishInProgress(mode, random)
    const orders = [before.#names, ...before.#files.values()].map(({ firstPendingOrder }) => firstPendingOrder)
    const firstOrder = Math.min(before.#order, ...orders.filter((order) => order !== undefined))
    const survival = drawSurvival(mode, random, firstOrder, before.#order, cut)
    const next = new SimulatedDisk({ random })
    next.capacityBytes = this.capacityBytes
    next.openFilesMax = this.openFilesMax
    next.#nextFile = before.#nextFile
    next.#order = before.#order
    next.#names = before.#names.afterCrash(survival)
    const { referenced } = next.#names
    for (const [id, file] of before.#files) if (referenced.has(id)) next.#files.set(id, file.afterCrash(survival))
    return next
  }

  /** From now on nothing takes effect and no call settles: the program on this disk is dead. */
  halt(): void {
    this.#halted = true
  }

  /** Numbers of the changes of names and files that are not durable, a write in progress included. Ascending. */
  get pendingOrders(): readonly number[] {
    const orders = [this.#names, ...this.#files.values()].flatMap(({ pendingOrders }) => pendingOrders)
    if (this.#inProgress !== undefined) orders.push(this.#order)
    return orders.sort((a, b) => a - b)
  }

  /** Equal for two disks that came from one if names, bytes and what of them is pending are. */
  get fingerprint(): string {
    let text = this.#names.digest
    for (const [id, { digest }] of this.#files) text += ` ${id}:${digest}`
    return text
  }

  // ---- looking and tampering ---------------------------------------------------------------------------------

  /** Paths of all files, sorted. */
  paths(): readonly string[] {
    return this.#names.paths()
  }

  /** What a reader of `path` sees now. */
  peek(path: string): Uint8Array {
    return this.#fileAt(normalisePath(path), 'peek').contents()
  }

  /** Makes `bytes` the durable content of `path`, as rot or a restored copy would. Creates the file if need be. */
  poke(path: string, bytes: Uint8Array): void {
    const normal = normalisePath(path)
    if (this.#names.get(normal) === undefined) {
      this.#files.set(this.#nextFile, new SimulatedFile())
      this.#names.set(normal, this.#nextFile++, this.#order++)
      this.#names.sync(parentOf(normal))
    }
    this.#fileAt(normal, 'poke').replace(bytes)
  }

  /** Makes `path` vanish for ever, as a careless hand would. */
  discard(path: string): void {
    this.#names.remove(normalisePath(path), this.#order++)
    this.#names.sync(parentOf(normalisePath(path)))
  }

  // ---- the port ----------------------------------------------------------------------------------------------

  open(path: string): Promise<DiskFile> {
    const normal = normalisePath(path)
    return this.#run('open', normal, 0, () => this.#opened(normal, this.#fileIdAt(normal, 'open')))
  }

  create(path: string): Promise<DiskFile> {
    const normal = normalisePath(path)
    return this.#run('create', normal, 0, () => {
      this.#needDirectory(parentOf(normal), 'open', normal)
      if (this.#names.get(normal) !== undefined) throw diskError('EEXIST', 'open', normal)
      this.#needHandle(normal)
      const id = this.#nextFile++
      this.#files.set(id, new SimulatedFile())
      this.#names.set(normal, id, this.#order++)
      return this.#opened(normal, id)
    })
  }

  list(directory: string): Promise<readonly string[]> {
    const normal = normalisePath(directory)
    return this.#run('list', normal, 0, () => {
      this.#needDirectory(normal, 'scandir', normal)
      return this.#names.list(normal)
    })
  }

  exists(path: string): Promise<boolean> {
    const normal = normalisePath(path)
    return this.#run('exists', normal, 0, () => this.#names.get(normal) !== undefined)
  }

  rename(from: string, to: string): Promise<void> {
    const [source, target] = [normalisePath(from), normalisePath(to)]
    return this.#run('rename', source, 0, () => {
      this.#fileIdAt(source, 'rename')
      this.#needDirectory(parentOf(target), 'rename', target)
      if (this.#names.get(target) === 'directory') throw diskError('EISDIR', 'rename', target)
      if (source !== target) this.#names.rename(source, target, this.#order++)
    })
  }

  remove(path: string): Promise<void> {
    const normal = normalisePath(path)
    return this.#run('remove', normal, 0, () => {
      this.#fileIdAt(normal, 'unlink')
      this.#names.remove(normal, this.#order++)
    })
  }

  makeDirectory(path: string): Promise<void> {
    const normal = normalisePath(path)
    return this.#run('makeDirectory', normal, 0, () => {
      const parts = normal.split('/').filter((part) => part !== '')
      for (let depth = 1; depth <= parts.length; depth++) {
        const ancestor = parts.slice(0, depth).join('/')
        const thing = this.#names.get(ancestor)
        if (thing === 'directory') continue
        if (thing !== undefined) throw diskError('EEXIST', 'mkdir', ancestor)
        this.#names.set(ancestor, 'directory', this.#order++)
      }
    })
  }

  syncDirectory(path: string): Promise<void> {
    const normal = normalisePath(path)
    return this.#run('syncDirectory', normal, 0, () => {
      this.#needDirectory(normal, 'fsync', normal)
      this.#names.sync(normal)
      this.#forgetUnreachable()
    })
  }

  freeBytes(): Promise<number> {
    return this.#run('freeBytes', '', 0, () => this.#free())
  }

  async close(): Promise<void> {
    await this.#writer
    const open = [...this.#open.keys()].map(({ path }) => path)
    assert(open.length === 0, `every file is closed before its disk; still open: ${open.join(', ')}`)
    this.#closed = true
  }

  // ---- called by open files ----------------------------------------------------------------------------------

  /** @internal */
  runOnFile<T>(
    handle: SimulatedDiskFile,
    kind: DiskOperationKind,
    bytes: number,
    effect: (file: SimulatedFile, fault: DiskFault | undefined) => T,
    label?: unknown,
  ): Promise<T> {
    return this.#run(
      kind,
      handle.path,
      bytes,
      (fault) => effect(this.#fileOf(handle), fault),
      undefined,
      kind === 'sync' || kind === 'read',
      label,
    )
  }

  /** @internal */
  writeOnFile(handle: SimulatedDiskFile, bytes: Uint8Array, offset: number, label: unknown): Promise<void> {
    const { path } = handle
    let kept = bytes
    const begin = (): void => {
      const file = this.#open.get(handle)
      // What is written is what stands there when the write takes effect, and the copies of the disk share it.
      kept = keep(bytes)
      if (file !== undefined) this.#inProgress = { file, bytes: kept, offset }
    }
    const effect = (fault: DiskFault | undefined): void =>
      this.#writeTo(this.#fileOf(handle), kept, offset, fault, path)
    return this.#run('write', path, bytes.length, effect, begin, true, label)
  }

  #writeTo(file: SimulatedFile, bytes: Uint8Array, offset: number, fault: DiskFault | undefined, path: string): void {
    const grows = Math.max(0, offset + bytes.length - file.size)
    const free = this.#free()
    const fits = grows <= free ? bytes.length : Math.max(0, bytes.length - (grows - free))
    const length = Math.min(fits, fault === undefined ? bytes.length : (fault.writtenBytes ?? 0))
    if (length > 0) file.write(length < bytes.length ? bytes.subarray(0, length) : bytes, offset, this.#order++)
    if (fault !== undefined) throw diskError(fault.code, 'write', path)
    if (length < bytes.length) throw diskError('ENOSPC', 'write', path)
  }

  /** @internal */
  truncateTo(file: SimulatedFile, size: number): void {
    file.truncate(size, this.#order++)
  }

  /** @internal */
  closeFile(handle: SimulatedDiskFile): Promise<void> {
    const close = (): void => void this.#open.delete(handle)
    // A failure to close is nothing that the port tells of.
    return this.#run('closeFile', handle.path, 0, close, undefined, true)
  }

  // ---- inside ------------------------------------------------------------------------------------------------

  /** Waits its turn, tells the hook, and then takes effect in one go. */
  #run<T>(
    kind: DiskOperationKind,
    path: string,
    bytes: number,
    effect: (fault: DiskFault | undefined) => T,
    before?: () => void,
    handlesFault = false,
    label = this.labelOf?.(),
  ): Promise<T> {
    if (this.#closed) return Promise.reject(diskError('EBADF', kind, path))
    const turn = WRITER.has(kind) ? this.#writer : undefined
    const run = async (): Promise<T> => {
      if (turn !== undefined) await turn
      for (let turns = 1 + randomBelow(this.#random, TURNS_MAX); turns > 0; turns--) await undefined
      const delay = this.delays?.(kind, path)
      if (delay !== undefined) await delay
      if (this.#halted) return never()
      const index = ++this.#operations
      before?.()
      let fault: DiskFault | undefined
      if (this.onOperation !== undefined || this.faults !== undefined) {
        const operation: DiskOperation = { index, kind, path, bytes, mutates: MUTATING.has(kind), label }
        this.onOperation?.(operation)
        if (!this.#halted) fault = this.faults?.(operation)
      }
      this.#inProgress = undefined
      if (this.#halted) return never()
      if (fault !== undefined && !handlesFault) throw diskError(fault.code, kind, path)
      return effect(fault)
    }
    const result = run()
    if (turn !== undefined) {
      this.#writer = result.then(
        () => undefined,
        () => undefined,
      )
    }
    return result
  }

  /** A write cut short by the crash: some whole sectors of it, or a few bytes more if only the process died. */
  #finishInProgress(mode: CrashMode, random: Random): void {
    const write = this.#inProgress
    this.#inProgress = undefined
    const file = write === undefined ? undefined : this.#files.get(write.file)
    if (write === undefined || file === undefined || mode === 'all-lost') return
    const length =
      mode === 'kill'
        ? randomBelow(random, write.bytes.length + 1)
        : randomBelow(random, Math.floor(write.bytes.length / SECTOR_BYTES) + 1) * SECTOR_BYTES
    if (length > 0) file.write(write.bytes.subarray(0, length), write.offset, this.#order++)
  }

  #opened(path: string, id: number): DiskFile {
    this.#needHandle(path)
    const handle = new SimulatedDiskFile(this, path)
    this.#open.set(handle, id)
    return handle
  }

  #needHandle(path: string): void {
    if (this.openFilesMax !== undefined && this.#open.size >= this.openFilesMax) {
      throw diskError('EMFILE', 'open', path)
    }
  }

  #needDirectory(directory: string, call: string, path: string): void {
    const thing = this.#names.get(directory)
    if (thing !== 'directory') throw diskError(thing === undefined ? 'ENOENT' : 'ENOTDIR', call, path)
  }

  #fileIdAt(path: string, call: string): number {
    const thing = this.#names.get(path)
    if (thing === undefined) throw diskError('ENOENT', call, path)
    if (thing === 'directory') throw diskError('EISDIR', call, path)
    return thing
  }

  #fileAt(path: string, call: string): SimulatedFile {
    const file = this.#files.get(this.#fileIdAt(path, call))
    assert(file !== undefined, `a name leads to a file: ${path}`)
    return file
  }

  #fileOf(handle: SimulatedDiskFile): SimulatedFile {
    const id = this.#open.get(handle)
    const file = id === undefined ? undefined : this.#files.get(id)
    if (file === undefined) throw diskError('EBADF', 'use', handle.path)
    return file
  }

  #free(): number {
    if (this.capacityBytes === undefined) return UNBOUNDED_BYTES
    let used = 0
    for (const file of this.#files.values()) used += file.size
    return Math.max(0, this.capacityBytes - used)
  }

  #forgetUnreachable(): void {
    const { referenced } = this.#names
    const open = new Set(this.#open.values())
    for (const id of this.#files.keys()) if (!referenced.has(id) && !open.has(id)) this.#files.delete(id)
  }
}

class SimulatedDiskFile implements DiskFile {
  readonly path: string
  readonly #disk: SimulatedDisk
  #closed = false

  constructor(disk: SimulatedDisk, path: string) {
    this.#disk = disk
    this.path = path
  }

  size(): Promise<number> {
    return this.#disk.runOnFile(this, 'size', 0, (file) => file.size)
  }

  write(bytes: Uint8Array, offset: number, label = this.#disk.labelOf?.()): Promise<void> {
    return this.#disk.writeOnFile(this, bytes, offset, label)
  }

  async writeAndSync(bytes: Uint8Array, offset: number): Promise<void> {
    const label = this.#disk.labelOf?.()
    await this.write(bytes, offset, label)
    await this.sync(label)
  }

  sync(label = this.#disk.labelOf?.()): Promise<void> {
    const effect = (file: SimulatedFile, fault: DiskFault | undefined): void => {
      if (fault === undefined) {
        file.sync()
        return
      }
      file.failSync(fault.failedSync ?? 'phantom')
      throw diskError(fault.code, 'fdatasync', this.path)
    }
    return this.#disk.runOnFile(this, 'sync', 0, effect, label)
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#disk.runOnFile(this, 'read', into.length, (file, fault) => {
      if (fault === undefined) return file.read(into, offset)
      file.read(into.subarray(0, fault.readBytes ?? 0), offset)
      throw diskError(fault.code, 'read', this.path)
    })
  }

  truncate(size: number): Promise<void> {
    return this.#disk.runOnFile(this, 'truncate', 0, (file) => this.#disk.truncateTo(file, size))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#disk.closeFile(this)
  }
}

/** An error as Node's file system makes them. */
function diskError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}' (simulated)`), { code, syscall: call, path })
}

function never(): Promise<never> {
  return new Promise(() => {})
}
