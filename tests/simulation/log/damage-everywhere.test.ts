/**
 * Small directories of the log, damaged everywhere: each sector zeroed, each block as another file has it, and as
 * the header and the first commit of each other segment, spares too, a cut at each sector, each file lost, overwritten by each other and swapped with it, and bits flipped at every byte. What is
 * read is right or told, and `checkLog` finds what is told. `npm test` damages the same directories each time, and flips
 * one byte of each few. MILLRACE_SEED replays one directory; MILLRACE_SOAK_SECONDS goes on by time from a seed of its
 * own, at every byte.
 */
import type { SimulatedDisk } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { History } from './history.ts'
import { type LogRot, openRotten, type Outcome, outcomeOf } from './rot-suite.ts'

const SECTOR_BYTES = 512
const BLOCK_BYTES = 4_096
const DIRECTORIES = 3
const FIRST_SEED = 1
/** Of so many bytes one has a bit flipped. */
const FLIP_STRIDE = 61
/** Larger ones would take the time of many small ones. */
const DIRECTORY_BYTES_MAX = 700_000

it(
  'damage anywhere is answered with the right bytes or with a word, and check finds it',
  { timeout: 900_000 },
  async () => {
    const soakSeconds = process.env['MILLRACE_SOAK_SECONDS']
    const replay = process.env['MILLRACE_SEED']
    const untilMs = systemClock.monotonic() + Number(soakSeconds ?? 0) * 1_000
    const stride = soakSeconds === undefined ? FLIP_STRIDE : 1
    const counts = new Map<string, number>()
    const drawn = soakSeconds === undefined ? FIRST_SEED : randomBelow(systemRandom, 1_000_000)
    const firstSeed = replay === undefined ? drawn : Number(replay)
    let [seed, directories] = [firstSeed, 0]
    const isDone = (): boolean => {
      if (replay !== undefined) return seed > firstSeed
      return soakSeconds === undefined ? directories === DIRECTORIES : systemClock.monotonic() >= untilMs
    }
    for (; !isDone(); seed++) {
      const history = new History(seed, undefined, { endClean: true, lives: 1 })
      const sound = await history.run()
      const bytes = filesOf(sound).reduce((sum, path) => sum + sound.peek(path).length, 0)
      if (bytes > DIRECTORY_BYTES_MAX) continue
      directories++
      await damageEverywhere(history, sound, seed, stride, counts)
    }
    const all = [...counts].sort().map(([what, count]) => `${what} ${count}`)
    process.stderr.write(
      `damage everywhere: ${directories} directories, seeds ${firstSeed}…${seed - 1}, a flip each ${stride} bytes: ${all.join(', ')}\n`,
    )
    // A block of another segment where a commit stood is told: it is never taken for one.
    expect(counts.get('foreign told') ?? 0).toBeGreaterThan(replay === undefined ? 0 : -1)
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(
      replay === undefined ? 3_000 : 0,
    )
  },
)

async function damageEverywhere(
  history: History,
  sound: SimulatedDisk,
  seed: number,
  stride: number,
  counts: Map<string, number>,
): Promise<void> {
  const before = await openRotten(sound.fork(), history)
  if (before === undefined) throw new Error(`a sound disk opens (seed ${seed})`)
  for (const [damage, disk] of damages(sound, stride, seed)) {
    let outcome: Outcome
    try {
      outcome = await outcomeOf(disk, damage, before.contents, history)
    } catch (error) {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n  seed ${seed}: ${damage.kind} ${damage.path} at ${damage.offset}\n` +
          `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/damage`,
        { cause: error },
      )
    }
    const key = `${damage.kind} ${outcome}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
}

function isUsed(bytes: Uint8Array, block: number): boolean {
  return bytes.subarray(block, block + BLOCK_BYTES).some((byte) => byte !== 0)
}

/** What belongs to the log; spares hold nothing. */
function filesOf(disk: SimulatedDisk): readonly string[] {
  return disk.paths().filter((path) => !path.startsWith('spare/'))
}

/** Every damage there is, one at a time, with a disk that has suffered it. */
function* damages(sound: SimulatedDisk, stride: number, seed: number): Generator<readonly [LogRot, SimulatedDisk]> {
  const paths = filesOf(sound)
  for (const path of paths) {
    const bytes = sound.peek(path)
    const changed = (kind: LogRot['kind'], offset: number, after: Uint8Array): readonly [LogRot, SimulatedDisk] => {
      const disk = sound.fork()
      disk.poke(path, after)
      return [{ kind, path, offset, isForeignHeader: offset === 0 && (kind === 'garbage' || kind === 'foreign') }, disk]
    }
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
    for (let offset = seed % stride; offset < bytes.length; offset += stride) {
      if (!isUsed(bytes, offset - (offset % BLOCK_BYTES))) continue
      const after = bytes.slice()
      after[offset] = (after[offset] ?? 0) ^ (1 << (offset % 8))
      yield changed('flip', offset, after)
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
