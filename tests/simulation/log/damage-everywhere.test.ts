/**
 * Small directories of the log, damaged everywhere: each sector zeroed, each block as another file has it, and as
 * the header and the first commit of each other segment, spares too, a cut at each sector, each file lost, overwritten by each
 * other and swapped with it, and bits flipped at every byte. The log opens, what is read is right or told, and `checkLog`
 * finds what is told. `npm test` damages the same directories each time, and flips one byte of each few. MILLRACE_SEED replays one directory, 0 the regrouped one; MILLRACE_SOAK_SECONDS
 * goes on by time from a seed of its own, at every byte.
 */
import type { SimulatedDisk } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { History } from './history.ts'
import { makeRegroupedDirectory } from './regrouped-directory.ts'
import { type LogRot, openRotten, type Outcome, outcomeOf, type WrittenLog } from './rot-suite.ts'

const SECTOR_BYTES = 512
const BLOCK_BYTES = 4_096
/** Of random histories, beside the one that has regrouped. */
const DIRECTORIES = 2
const FIRST_SEED = 1
/** Replays the regrouped directory. */
const REGROUPED_SEED = 0
/** Of so many bytes one has a bit flipped. */
const FLIP_STRIDE = 79
/** Larger ones would take the time of many small ones. */
const DIRECTORY_BYTES_MAX = 700_000

const { MILLRACE_SOAK_SECONDS: soakSeconds, MILLRACE_SEED: replay } = process.env
/** Each byte of one directory, to see something again, may take longer than a soak. */
const timeout = replay === undefined ? 240_000 + Number(soakSeconds ?? 0) * 1_000 : 3_600_000

/** Files of a regrouped segment, which hold small frames of many commits side by side. */
const REGROUPED = /^log\/g\d+\.(seg|idx)$/

type Damaged = readonly [LogRot, SimulatedDisk]

class Damager {
  readonly counts = new Map<string, number>()
  /** By the end of their names. */
  readonly regrouped = new Map<string, number>()
  readonly #isEveryByte: boolean
  readonly #isLate: () => boolean

  /** Gives up in the midst of a directory when `isLate`. */
  constructor(isEveryByte: boolean, isLate: () => boolean) {
    this.#isEveryByte = isEveryByte
    this.#isLate = isLate
  }

  /** `seed`: which bytes have a bit flipped first, and what shows it again. False: it gave up. */
  async everywhere(written: WrittenLog, sound: SimulatedDisk, seed: number): Promise<boolean> {
    const { contents } = await openRotten(sound.fork(), written)
    const first = seed % FLIP_STRIDE
    const phases = Array.from({ length: this.#isEveryByte ? FLIP_STRIDE : 1 }, (_, n) => (first + n) % FLIP_STRIDE)
    for (const [damage, disk] of damages(sound, phases)) {
      if (this.#isLate()) return false
      let outcome: Outcome
      try {
        outcome = await outcomeOf(disk, damage, contents, written)
      } catch (error) {
        throw new Error(
          `${error instanceof Error ? error.message : String(error)}\n  seed ${seed}: ${damage.kind} ${damage.path} at ${damage.offset}\n` +
            `  again: ${this.#isEveryByte ? 'MILLRACE_SOAK_SECONDS=1 ' : ''}MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/damage`,
          { cause: error },
        )
      }
      count(this.counts, `${damage.kind} ${outcome}`)
      const [, ending] = REGROUPED.exec(damage.path) ?? []
      if (ending !== undefined) count(this.regrouped, ending)
    }
    return true
  }
}

it('damage anywhere is answered with the right bytes or with a word, and check finds it', { timeout }, async () => {
  const untilMs = systemClock.monotonic() + Number(soakSeconds ?? 0) * 1_000
  const isLate = (): boolean => soakSeconds !== undefined && replay === undefined && systemClock.monotonic() >= untilMs
  const isEveryByte = soakSeconds !== undefined
  const damager = new Damager(isEveryByte, isLate)
  const drawn = soakSeconds === undefined ? FIRST_SEED : randomBelow(systemRandom, 1_000_000)
  const firstSeed = replay === undefined ? drawn : Number(replay)
  let [seed, directories, isWhole] = [firstSeed, 0, false]
  if (replay === undefined || firstSeed === REGROUPED_SEED) {
    const { written, disk } = await makeRegroupedDirectory()
    isWhole = await damager.everywhere(written, disk, REGROUPED_SEED)
    directories++
  }
  const isDone = (): boolean => {
    if (replay !== undefined) return seed > firstSeed || seed === REGROUPED_SEED
    return soakSeconds === undefined ? directories > DIRECTORIES : isLate()
  }
  for (; !isDone(); seed++) {
    const history = new History(seed, undefined, { endClean: true, lives: 1 })
    const sound = await history.run()
    const bytes = filesOf(sound).reduce((sum, path) => sum + sound.peek(path).length, 0)
    if (bytes > DIRECTORY_BYTES_MAX) continue
    directories++
    await damager.everywhere(history, sound, seed)
  }
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort()
      .map(([what, times]) => `${what} ${times}`)
      .join(', ')
  process.stderr.write(
    `damage everywhere: ${directories} directories, seeds ${firstSeed}…${seed - 1}, a flip each ${isEveryByte ? 1 : FLIP_STRIDE} bytes: ` +
      `${list(damager.counts)}; of regrouped segments ${list(damager.regrouped)}\n`,
  )
  // A short soak ends before it has seen enough.
  if (replay !== undefined || !isWhole) return
  // A block of another segment where a commit stood is told: it is never taken for one.
  expect(damager.counts.get('foreign told') ?? 0).toBeGreaterThan(0)
  expect([...damager.counts.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(3_000)
  for (const ending of ['seg', 'idx']) expect(damager.regrouped.get(ending) ?? 0, ending).toBeGreaterThan(300)
})

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

function isUsed(bytes: Uint8Array, block: number): boolean {
  return bytes.subarray(block, block + BLOCK_BYTES).some((byte) => byte !== 0)
}

/** What belongs to the log; spares hold nothing. */
function filesOf(disk: SimulatedDisk): readonly string[] {
  return disk.paths().filter((path) => !path.startsWith('spare/'))
}

/** Every damage there is, one at a time, with a disk that has suffered it: flips last. */
function* damages(sound: SimulatedDisk, phases: readonly number[]): Generator<Damaged> {
  yield* blocksAndFiles(sound)
  for (const phase of phases) for (const path of filesOf(sound)) yield* flips(sound, path, phase)
}

/** A bit of one byte of each `FLIP_STRIDE`, from byte `phase` on. */
function* flips(sound: SimulatedDisk, path: string, phase: number): Generator<Damaged> {
  const bytes = sound.peek(path)
  for (let offset = phase; offset < bytes.length; offset += FLIP_STRIDE) {
    if (!isUsed(bytes, offset - (offset % BLOCK_BYTES))) continue
    const after = bytes.slice()
    after[offset] = (after[offset] ?? 0) ^ (1 << (offset % 8))
    yield damaged(sound, 'flip', path, offset, after)
  }
}

function damaged(sound: SimulatedDisk, kind: LogRot['kind'], path: string, offset: number, after: Uint8Array): Damaged {
  const disk = sound.fork()
  disk.poke(path, after)
  return [{ kind, path, offset, isForeignHeader: offset === 0 && (kind === 'garbage' || kind === 'foreign') }, disk]
}

function* blocksAndFiles(sound: SimulatedDisk): Generator<Damaged> {
  const paths = filesOf(sound)
  for (const path of paths) {
    const bytes = sound.peek(path)
    const changed = (kind: LogRot['kind'], offset: number, after: Uint8Array): Damaged =>
      damaged(sound, kind, path, offset, after)
    for (let offset = 0; offset < bytes.length; offset += SECTOR_BYTES) {
      const after = bytes.slice().fill(0, offset, offset + SECTOR_BYTES)
      if (Buffer.compare(after, bytes) !== 0) yield changed('zero', offset, after)
      // Behind the last byte that says anything nothing can be cut.
      if (bytes.subarray(offset).some((byte) => byte !== 0)) yield changed('truncate', offset, bytes.slice(0, offset))
    }
    const other = sound.peek(paths[(paths.indexOf(path) + 1) % paths.length] ?? path)
    for (let offset = 0; offset < Math.min(bytes.length, other.length); offset += BLOCK_BYTES) {
      const after = bytes.slice()
      after.set(other.subarray(offset, offset + BLOCK_BYTES).subarray(0, bytes.length - offset), offset)
      if (Buffer.compare(after, bytes) !== 0) yield changed('garbage', offset, after)
    }
    // Sound blocks of other segments, of spares too, as a drive that mixes up places leaves them: headers and first commits.
    for (const another of path.endsWith('.seg') ? sound.paths() : []) {
      if (another === path || !another.endsWith('.seg')) continue
      const from = sound.peek(another)
      for (const block of [0, BLOCK_BYTES]) {
        for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
          const after = bytes.slice()
          after.set(from.subarray(block, block + BLOCK_BYTES), offset)
          if (isUsed(bytes, offset) && Buffer.compare(after, bytes) !== 0) yield changed('foreign', offset, after)
        }
      }
    }
    const lost = sound.fork()
    lost.discard(path)
    yield [{ kind: 'lose', path, offset: 0 }, lost]
    for (const another of paths) {
      if (another <= path || another.slice(-4) !== path.slice(-4)) continue
      yield changed('stale', 0, sound.peek(another))
      const swapped = sound.fork()
      swapped.poke(path, sound.peek(another))
      swapped.poke(another, bytes)
      yield [{ kind: 'swap', path, offset: 0 }, swapped]
    }
  }
}
