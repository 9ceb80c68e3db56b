/**
 * A log whose files were bent, with checksums made right so that what stands behind them is looked at. It opens, with
 * damage by name, or refuses in a sentence; what it shows ends; no length in a file becomes more memory than the file.
 */
import {
  checkLog,
  comparePositions,
  type Disk,
  type DiskFile,
  inspectLog,
  type Log,
  LogError,
  POSITION_START,
  type Position,
} from '@millrace/log'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'

import { fieldsOf, seal } from '../grammar/log-files.ts'
import { DEADLINE, logImages, openLog, whileTimePasses } from '../support/log-images.ts'
import { Broken, bytesOf, chance, pick, type Target, textOf } from '../support/target.ts'

/** One image, changed. An input is this as JSON. */
interface Bent {
  readonly image: number
  /** Checksums are made right again. */
  readonly sealed: boolean
  readonly edits: readonly Edit[]
}

interface Edit {
  readonly file: string
  readonly at?: number
  readonly hex?: string
  /** The file ends here. */
  readonly cut?: number
  /** The file is gone. */
  readonly lose?: boolean
}

const MIB = 1024 * 1024
const SEGMENT_BYTES = 32 * 1024
const OPERATIONS_MAX = 60_000
const READS_MAX = 20_000
const EDGES = [0, 1, 2, 3, 7, 47, 48, 0xff, 0x100, 4095, 4096, 32_768, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 47, 2 ** 48 - 1] // prettier-ignore

function edit(image: number, random: Random): Edit {
  const { disk } = logImages[image] as (typeof logImages)[0]
  const file = pick(random, disk.paths())
  const bytes = Buffer.from(disk.peek(file))
  const roll = random.float()
  if (roll < 0.03) return { file, lose: true }
  if (roll < 0.08) return { file, cut: randomBelow(random, bytes.length + 1) }
  if (roll < 0.15) {
    return {
      file,
      at: randomBelow(random, bytes.length + 1),
      hex: Buffer.from(random.bytes(1 + randomBelow(random, 8))).toString('hex'),
    }
  }
  const known = fieldsOf(file, bytes)
  if (known.length === 0) return { file, at: 0, hex: 'ff' }
  const part = pick(random, [...new Set(known.map((field) => field.part))])
  const field = late(
    random,
    known.filter((candidate) => candidate.part === part),
  )
  const before = bytes.readUIntLE(field.at, Math.min(field.bytes, 6))
  const value =
    part === 'kind'
      ? randomBelow(random, 10)
      : chance(random, 0.5)
        ? Math.max(0, before + pick(random, [-4096, -48, -2, -1, 1, 2, 48, 4096]))
        : pick(random, EDGES)
  const written = Buffer.alloc(8)
  written.writeBigUInt64LE(BigInt(value))
  return { file, at: field.at, hex: written.subarray(0, field.bytes).toString('hex') }
}

/** Rather one of the last: what stands above the newest snapshot is replayed. */
function late<T>(random: Random, from: readonly T[]): T {
  return from[Math.max(randomBelow(random, from.length), randomBelow(random, from.length))] as T
}

/** Without its snapshots a log is replayed from the start; without its indexes, walked. */
function lost(image: number, ending: string): readonly Edit[] {
  const { disk } = logImages[image] as (typeof logImages)[0]
  return disk
    .paths()
    .filter((path) => path.endsWith(ending))
    .map((file) => ({ file, lose: true }))
}

function parse(input: Uint8Array): Bent | undefined {
  try {
    const { image, sealed, edits } = JSON.parse(textOf(input)) as Partial<Bent>
    if (!Array.isArray(edits) || logImages[Number(image)] === undefined || !edits.every(isEdit)) return undefined
    return { image: Number(image), sealed: sealed === true, edits }
  } catch {
    return undefined
  }
}

/** What the mutator of bytes makes of an edit may be any JSON. */
function isEdit(value: unknown): value is Edit {
  if (typeof value !== 'object' || value === null) return false
  const { file, at, hex, cut, lose } = value as { readonly [name in keyof Edit]: unknown }
  const isOptional = (field: unknown, type: string) => field === undefined || typeof field === type
  return (
    typeof file === 'string' &&
    isOptional(at, 'number') &&
    isOptional(hex, 'string') &&
    isOptional(cut, 'number') &&
    isOptional(lose, 'boolean')
  )
}

function bentDisk({ image, sealed, edits }: Bent) {
  const { disk, atMs } = logImages[image] as (typeof logImages)[0]
  const bent = disk.fork(seededRandom(11))
  for (const { file, at = 0, hex = '', cut, lose } of edits) {
    if (!bent.paths().includes(file)) continue
    if (lose === true) {
      bent.discard(file)
      continue
    }
    const before = Buffer.from(bent.peek(file))
    const bytes = cut === undefined ? before : before.subarray(0, Math.max(0, cut))
    if (Number.isInteger(at) && at >= 0 && at < bytes.length) Buffer.from(hex, 'hex').copy(bytes, at)
    if (sealed) seal(file, bytes)
    bent.poke(file, bytes)
  }
  return { bent, atMs }
}

/**
 * No read is for more than there can be, and there is an end to operations. What is wrong is also put into `wrong`: who
 * reads may take the error for one of the disk's.
 */
function watched(disk: Disk, wrong: Broken[]): Disk {
  let operations = 0
  const fail = (message: string): never => {
    const broken = new Broken(message)
    wrong.push(broken)
    throw broken
  }
  const count = (): void => {
    if (++operations > OPERATIONS_MAX) fail(`more than ${OPERATIONS_MAX} operations on the disk`)
  }
  const file = (inner: DiskFile): DiskFile => ({
    path: inner.path,
    size: () => inner.size(),
    write: (bytes, offset) => inner.write(bytes, offset),
    writeAndSync: (bytes, offset) => inner.writeAndSync(bytes, offset),
    sync: () => inner.sync(),
    async read(into, offset) {
      count()
      const size = await inner.size()
      if (into.length > size + MIB) fail(`asks for ${into.length} bytes of ${inner.path}, which has ${size}`)
      return await inner.read(into, offset)
    },
    truncate: (size) => inner.truncate(size),
    close: () => inner.close(),
  })
  return {
    async open(path) {
      count()
      return file(await disk.open(path))
    },
    create: async (path) => file(await disk.create(path)),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    freeBytes: () => disk.freeBytes(),
    close: () => disk.close(),
  }
}

/** `undefined` for a refusal in words. */
async function refusedOr<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Broken) throw error
    if (!(error instanceof LogError))
      throw new Broken(`threw what is no LogError: ${error instanceof Error ? error.stack : String(error)}`, {
        cause: error,
      })
    if (error.message.length < 10) throw new Broken(`refused with '${error.message}'`, { cause: error })
    return undefined
  }
}

async function readToTheEnd(log: Log, ledger: number): Promise<void> {
  let from: Position = POSITION_START
  for (let reads = 0; ; reads++) {
    if (reads > READS_MAX) throw new Broken(`ledger ${ledger} has no end`)
    const options = { recordsMax: 1_000, bytesMax: MIB, visibleFromMs: 0, ...DEADLINE }
    const result = await refusedOr(Promise.resolve(log.read(ledger, from, options)))
    if (result === undefined) return
    result.release()
    const next = result.damaged?.to ?? result.next
    if (result.atTip || comparePositions(next, from) <= 0) return
    from = next
  }
}

async function useLog(log: Log): Promise<void> {
  for (const ledger of log.ledgers()) {
    if (ledger === 0) continue
    log.bounds(ledger)
    await refusedOr(log.seekTime(ledger, 1_700_000_010_000))
    await readToTheEnd(log, ledger)
    if (log.stateOf(ledger) === 'open') {
      const [result] = await log.append([{ ledger, records: 1, bytes: bytesOf('after') }], DEADLINE)
      if (result === undefined) throw new Broken('an append without a result')
    }
  }
  for (const { reason } of log.health().damage) if (reason.length < 10) throw new Broken(`damage called '${reason}'`)
}

export const logFiles: Target = {
  name: 'log-files',
  specimens: logImages.map((_, image) => bytesOf(JSON.stringify({ image, sealed: true, edits: [] }))),
  generate(random) {
    const image = randomBelow(random, logImages.length)
    const edits = Array.from({ length: 1 + randomBelow(random, 2) }, () => edit(image, random))
    if (chance(random, 0.2)) edits.push(...lost(image, '.snap'))
    if (chance(random, 0.2)) edits.push(...lost(image, '.idx'))
    return bytesOf(JSON.stringify({ image, sealed: chance(random, 0.85), edits }))
  },
  executions: 1_000,
  cpuMsMax: 5_000,
  async check(input) {
    const parsed = parse(input)
    if (parsed === undefined) return
    const { bent, atMs } = bentDisk(parsed)
    const clock = new VirtualClock(atMs)
    const stray: unknown[] = []
    const wrong: Broken[] = []
    const onStray = (error: unknown): void => void stray.push(error)
    process.on('unhandledRejection', onStray)
    try {
      const copy = watched(bent.fork(seededRandom(12)), wrong)
      await refusedOr(exhausted(inspectLog(copy)))
      await refusedOr(exhausted(checkLog(copy)))
      const log = await whileTimePasses(clock, refusedOr(openLog(watched(bent, wrong), clock, SEGMENT_BYTES)))
      if (log !== undefined) {
        await whileTimePasses(clock, useLog(log))
        await whileTimePasses(clock, refusedOr(log.close()))
      }
      if (bent.openFiles > 0) throw new Broken(`${bent.openFiles} files stay open`)
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.off('unhandledRejection', onStray)
    }
    const [first] = [...wrong, ...stray]
    if (first !== undefined)
      throw new Broken(
        `nobody awaits, or took for the disk's own: ${first instanceof Error ? first.stack : String(first)}`,
      )
  },
}

async function exhausted(items: AsyncIterable<unknown>): Promise<void> {
  for await (const item of items) void item
}
