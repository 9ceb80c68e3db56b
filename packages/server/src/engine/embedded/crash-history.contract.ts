/**
 * Lives of an embedded engine on a simulated disk that ends each of them: what callers were told is written down,
 * and every next life is held against it.
 *
 * Documents come in threes that always change together, so that half a `cas` would show. Records carry the number of
 * their attempt. What a life finds when it opens has been shown, and so must be there in every later one.
 */
import { setImmediate } from 'node:timers/promises'
import { CRASH_MODES, type CrashMode, SimulatedDisk } from '@millrace/log/testing'
import { assert, type Random, randomBelow } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { type EngineHarness, later, part, positionsOf, readAll } from '../contract/harness.contract.ts'
import { type ClosedShard, comparePositions, type Engine, type MetaChange, type Position } from '../engine.ts'
import { openEmbeddedEngine } from './embedded-engine.ts'

const META_ACTORS = 3
const SHARD_ACTORS = 3
const STEPS = 12
const LIVES = 4
/** Small enough that lives fill, seal and recycle segments, and write snapshots. */
const SEGMENT_BYTES = 256 * 1024
/** Operations of the disk within which a life ends, at the latest after all its work is done. */
const OPERATIONS_MAX = 400
/** Turns of the event loop without an answer: a hang. */
const TURNS_MAX = 20_000

interface Triple {
  attempted: number
  /** The last one that somebody was told of, with its revision. */
  shown: number
  revision: number
}

interface KnownShard {
  shownProvision: boolean
  /** What may turn up: attempts of lives before this one that did not turn up by now never may. */
  readonly attempted: Set<string>
  /** By attempt: where it was said to be. */
  readonly stored: Map<string, Position>
  attemptedClose: boolean
  closed: ClosedShard | undefined
  /** Nothing new may come at or before this. */
  highest: Position
}

export class CrashHistory {
  readonly #random: Random
  readonly #triples: readonly Triple[] = Array.from({ length: META_ACTORS }, () => {
    return { attempted: 0, shown: 0, revision: 0 }
  })
  readonly #shards = new Map<number, KnownShard>()
  #attempts = 0
  #nextShard = 1
  #highestRevision = 0
  #wallMs = 1_700_000_000_000
  /** What was covered. */
  readonly modes: CrashMode[] = []
  acknowledged = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  async run(): Promise<void> {
    let disk = new SimulatedDisk({ random: this.#random })
    for (let life = 0; life < LIVES; life++) disk = await this.#live(disk)
    const clock = new VirtualClock(this.#wallMs)
    await this.#pumped(clock, disk, async () => {
      const engine = await this.#open(disk, clock)
      await this.#check(harnessOf(engine, clock))
      await engine.close()
    })
  }

  /** One life, up to its crash. Returns the disk that the next one finds. */
  async #live(disk: SimulatedDisk): Promise<SimulatedDisk> {
    const mode = CRASH_MODES[randomBelow(this.#random, CRASH_MODES.length)]
    assert(mode !== undefined, 'there are crash modes')
    this.modes.push(mode)
    const lastOperation = disk.operations + 1 + randomBelow(this.#random, OPERATIONS_MAX)
    let next: SimulatedDisk | undefined
    const crash = (): void => {
      next = disk.crash(mode)
      disk.halt()
    }
    disk.onOperation = ({ index }) => {
      if (index === lastOperation) crash()
    }
    // The clock of the machine may be anywhere after a restart.
    this.#wallMs += randomBelow(this.#random, 20_000) - 5000
    const clock = new VirtualClock(this.#wallMs)
    const crashed = (): boolean => next !== undefined
    await this.#pumped(clock, disk, () => this.#work(disk, clock), crashed)
    if (next === undefined) crash()
    this.#wallMs = clock.now()
    assert(next !== undefined, 'a life ends with a crash')
    return next
  }

  async #work(disk: SimulatedDisk, clock: VirtualClock): Promise<void> {
    const engine = await this.#open(disk, clock)
    const harness = harnessOf(engine, clock)
    await this.#check(harness)
    engine.meta.watch('', (events) => {
      for (const { key, value, revision } of events) this.#showDocument(key, value, revision)
    })
    const actors = [
      ...this.#triples.map((triple, i) => this.#changeDocuments(harness, triple, i)),
      ...Array.from({ length: SHARD_ACTORS }, () => this.#writeShards(harness)),
    ]
    await Promise.all(actors)
    if (this.#random.float() < 0.3) await engine.close()
  }

  #open(disk: SimulatedDisk, clock: VirtualClock): Promise<Engine> {
    const random = this.#random
    const storage = { disk }
    return openEmbeddedEngine({ storage, clock, random, durability: 'fsync', segmentBytes: SEGMENT_BYTES })
  }

  async #changeDocuments(harness: EngineHarness, triple: Triple, actor: number): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const entries = await Promise.all(keysOf(actor).map((key) => harness.engine.meta.get(key)))
      const stale = this.#random.float() < 0.1
      const attempt = triple.attempted + 1
      const value = new Uint8Array(4 + randomBelow(this.#random, 20_000))
      new DataView(value.buffer).setUint32(0, attempt)
      const changes = keysOf(actor).map((key, i): MetaChange => {
        return { key, value, expect: (entries[i]?.revision ?? 0) + (stale && i === 2 ? 1 : 0) }
      })
      if (!stale) triple.attempted = attempt
      const result = await harness.engine.meta.cas(changes, later(harness))
      assert(result.ok !== stale, `a cas is refused when, and only when, what it expects is wrong (actor ${actor})`)
      if (!result.ok) continue
      this.acknowledged++
      assert(triple.shown === attempt, `the watcher was told of change ${attempt} before its caller`)
      assert(triple.revision === result.revision, 'watcher and caller are told one revision')
    }
  }

  #showDocument(key: string, value: Uint8Array | undefined, revision: number): void {
    const triple = this.#triples[Number(key.split('/')[1])]
    assert(triple !== undefined && value !== undefined, `no document but ours is changed: ${key}`)
    const number = numberIn(value)
    assert(revision >= this.#highestRevision, `revision ${revision} comes after ${this.#highestRevision}`)
    this.#highestRevision = revision
    triple.shown = number
    triple.revision = revision
  }

  async #writeShards(harness: EngineHarness): Promise<void> {
    const { shards } = harness.engine
    let ref = this.#nextShard++
    let known = await this.#provision(harness, ref)
    for (let step = 0; step < STEPS; step++) {
      if (this.#random.float() < 0.15) {
        known.attemptedClose = true
        const [closed] = await shards.close([ref], later(harness))
        assert(closed !== undefined, 'close answers for each shard')
        known.closed = closed
        ref = this.#nextShard++
        known = await this.#provision(harness, ref)
      }
      const texts = Array.from({ length: 1 + randomBelow(this.#random, 4) }, () => {
        return `${this.#attempts++}:${'x'.repeat(randomBelow(this.#random, 9000))}`
      })
      for (const text of texts) known.attempted.add(text)
      const [result] = await shards.append([part(ref, ...texts)], later(harness))
      assert(result !== undefined, 'append answers for each part')
      assert(result.failure === undefined, `an append to an open shard succeeds, not ${result.failure}`)
      positionsOf(result.runs).forEach((position, i) => this.#showRecord(known, texts[i] ?? '', position))
      this.acknowledged++
    }
  }

  async #provision(harness: EngineHarness, ref: number): Promise<KnownShard> {
    const known: KnownShard = {
      shownProvision: false,
      attempted: new Set(),
      stored: new Map(),
      attemptedClose: false,
      closed: undefined,
      highest: { commit: 0, index: 0 },
    }
    this.#shards.set(ref, known)
    await harness.engine.shards.provision([{ shard: ref, notBeforeMs: 0 }], later(harness))
    known.shownProvision = true
    return known
  }

  #showRecord(known: KnownShard, text: string, position: Position): void {
    assert(comparePositions(known.highest, position) < 0, 'a new record comes above all that were shown')
    known.highest = position
    known.stored.set(text, position)
  }

  /** Holds what is there against what callers were told, and takes note of what it shows. */
  async #check(harness: EngineHarness): Promise<void> {
    for (const [actor, triple] of this.#triples.entries()) await this.#checkTriple(harness, actor, triple)
    for (const [ref, known] of this.#shards) await this.#checkShard(harness, ref, known)
  }

  async #checkTriple(harness: EngineHarness, actor: number, triple: Triple): Promise<void> {
    const entries = await Promise.all(keysOf(actor).map((key) => harness.engine.meta.get(key)))
    const numbers = entries.map((entry) => (entry === undefined ? 0 : numberIn(entry.value)))
    const revisions = entries.map((entry) => entry?.revision ?? 0)
    const [number = 0] = numbers
    const [revision = 0] = revisions
    const said = `actor ${actor}: found ${numbers} at ${revisions}, told ${triple.shown}, tried ${triple.attempted}`
    assert(new Set(numbers).size === 1 && new Set(revisions).size === 1, `a cas is there whole or not at all; ${said}`)
    assert(number >= triple.shown && number <= triple.attempted, `nothing shown is lost, nothing made up; ${said}`)
    if (number === triple.shown) assert(revision === triple.revision, `a revision stays; ${said}`)
    Object.assign(triple, { attempted: number, shown: number, revision })
    this.#highestRevision = Math.max(this.#highestRevision, revision)
  }

  async #checkShard(harness: EngineHarness, ref: number, known: KnownShard): Promise<void> {
    const bounds = await bounded(harness, ref)
    if (bounds === undefined) {
      assert(!known.shownProvision, `shard ${ref} was provisioned and is there`)
      this.#shards.delete(ref)
      return
    }
    known.shownProvision = true
    const { records, next, ended } = await readAll(harness, ref)
    const found = new Map(records.map(({ text, at }) => [text, at]))
    assert(found.size === records.length, `no record of shard ${ref} is there twice`)
    for (const text of found.keys()) assert(known.attempted.has(text), `shard ${ref} holds only what was put`)
    for (const [text, position] of known.stored) {
      const at = found.get(text)
      assert(at !== undefined && comparePositions(at, position) === 0, `a record of shard ${ref} is where it was`)
    }
    assert(ended === bounds.closed, `shard ${ref} ends when it is closed`)
    assert(comparePositions(next, bounds.end) === 0, `reading shard ${ref} leads to its end`)
    if (known.closed !== undefined) {
      assert(bounds.closed, `shard ${ref} stays closed`)
      const [again] = await harness.engine.shards.close([ref], later(harness))
      const same = again?.closedAtMs === known.closed.closedAtMs && comparePositions(again.end, known.closed.end) === 0
      assert(same, `shard ${ref} keeps its end`)
    }
    assert(!bounds.closed || known.attemptedClose, `shard ${ref} is closed only if somebody closed it`)
    known.attemptedClose = bounds.closed
    for (const text of known.attempted) if (!found.has(text)) known.attempted.delete(text)
    for (const { text, at } of records) {
      known.stored.set(text, at)
      known.highest = at
    }
    if (bounds.closed) return
    // A new life goes on above everything that was ever shown.
    const text = `${this.#attempts++}:probe`
    known.attempted.add(text)
    const [result] = await harness.engine.shards.append([part(ref, text)], later(harness))
    assert(result !== undefined, 'append answers for each part')
    assert(result.failure === undefined, `shard ${ref} takes records again, not ${result.failure}`)
    for (const position of positionsOf(result.runs)) this.#showRecord(known, text, position)
  }

  /** Runs `act` to its end, or until `crashed`; moves time when nothing else happens. */
  async #pumped(
    clock: VirtualClock,
    disk: SimulatedDisk,
    act: () => Promise<void>,
    crashed: () => boolean = () => false,
  ): Promise<void> {
    const outcome: { done: boolean; failure?: unknown } = { done: false }
    act().then(
      () => Object.assign(outcome, { done: true }),
      (failure: unknown) => Object.assign(outcome, { done: true, failure }),
    )
    let operations = -1
    for (let turn = 0; !outcome.done && !crashed(); turn++) {
      assert(turn < TURNS_MAX, 'the engine answers')
      await setImmediate()
      const due = clock.nextDueMs
      if (disk.operations === operations && due !== undefined) clock.advance(Math.max(0, due - clock.monotonic()))
      operations = disk.operations
    }
    if (outcome.failure !== undefined) throw outcome.failure
  }
}

function harnessOf(engine: Engine, clock: VirtualClock): EngineHarness {
  const nothingHeld = { reached: Promise.resolve(), release() {} }
  return { engine, clock, holdSyncs: () => nothingHeld, dispose: () => engine.close() }
}

function keysOf(actor: number): readonly string[] {
  return ['a', 'b', 'c'].map((name) => `m/${actor}/${name}`)
}

function numberIn(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}

async function bounded(harness: EngineHarness, ref: number) {
  try {
    return await harness.engine.shards.bounds(ref)
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'unknown-shard') return undefined
    throw error
  }
}
