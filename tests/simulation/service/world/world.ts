/**
 * A world from one seed: servers, disk, clock, network and clients, in rounds. In a round some clients act at the same
 * time; between rounds time passes, clocks step, servers end and begin. At the end all is calm, and every stream is
 * read whole. What clients saw is the history; what it means is the checker's business.
 */
import { createHash } from 'node:crypto'
import { CRASH_MODES } from '@millrace/log/testing'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { History } from '../history/events.ts'
import { Administrator } from './administrator.ts'
import { Coverage } from './coverage.ts'
import { KnownStream } from './known-streams.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { drawPlan, type Plan } from './plan.ts'
import { Reader } from './reader.ts'
import type { Scene } from './scene.ts'
import { Writer } from './writer.ts'

const HOUR_MS = 3_600_000
/** Clients that act at the same time, at most. */
const ROUND_MAX = 5
/** Turns of the microtask queue: about those that a reshard takes, which is four changes on the disk. */
const LATE_TURNS_MAX = 120
/** Long enough for whatever was begun to be finished. */
const CALM_MS = 40_000

export class World {
  readonly coverage = new Coverage()
  readonly history: History
  readonly plan: Plan
  readonly #random: Random
  readonly #network: Network
  readonly #machine: Machine
  readonly #scene: Scene
  readonly #streams: readonly KnownStream[]
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #administrator: Administrator

  constructor(seed: number) {
    const random = (this.#random = seededRandom(seed))
    const plan = (this.plan = drawPlan(random, seed))
    const network = (this.#network = new Network(random, plan.codecs, plan.lossChance))
    const { coverage } = this
    const onLife = (reason: string): void => this.history.add({ kind: 'life', reason })
    const machine = (this.#machine = new Machine({ random, plan, network, coverage, onLife }))
    const history = (this.history = new History(() => machine.time.bounds()))
    const streams = (this.#streams = plan.streams.map((name) => new KnownStream(name, random)))
    this.#scene = { random, plan, machine, network, history, coverage, streams }
    this.#writer = new Writer(this.#scene)
    this.#reader = new Reader(this.#scene)
    this.#administrator = new Administrator(this.#scene)
  }

  /** Requests made, the whole readings at the end included. */
  get calls(): number {
    return this.#network.calls
  }

  get lostAnswers(): number {
    return this.#network.lost
  }

  /** Says of two histories whether they are the same, byte for byte. */
  digest(): string {
    const text = JSON.stringify(this.history.events, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    )
    return createHash('sha256').update(text).digest('hex')
  }

  async run(calls: number): Promise<void> {
    await this.#machine.begin()
    while (this.#network.calls < calls) {
      await this.#machine.settle(Promise.all(this.#round()))
      await this.#between()
    }
    await this.#calm()
    for (const stream of this.#streams) await this.#machine.settle(this.#readAtLast(stream))
  }

  #round(): readonly Promise<unknown>[] {
    const random = this.#random
    const stream = this.#anyStream()
    // Alone: whoever lists a stream and then reads it must mean the same one.
    if (stream.shards.length === 0) return [this.#makeOrFind(stream)]
    if (random.float() < 0.02) return [this.#readWhole(stream)]
    if (random.float() < 0.008) return [this.#administrator.delete(stream), this.#writer.putMany(stream)]
    const reshards = random.float() < 0.15
    const count = 1 + randomBelow(random, ROUND_MAX)
    const acts = Array.from({ length: count }, () => this.#act(this.#anyStream()))
    if (reshards) acts.splice(randomBelow(random, acts.length + 1), 0, this.#administrator.reshard(stream))
    // A server that never hears of a longer retention goes by the shorter one for ever: more than a cluster may do to it.
    else if (this.plan.engine === 'disk' && random.float() < (this.plan.isSlow ? 0.15 : 0.02))
      acts.push(this.#administrator.changeRetention(stream))
    return acts
  }

  /** Begins somewhere in the middle of what the others of its round do. */
  async #act(stream: KnownStream): Promise<void> {
    const random = this.#random
    const turns = random.float() < 0.3 ? 0 : randomBelow(random, LATE_TURNS_MAX)
    for (let turn = 0; turn < turns; turn++) await undefined
    const chance = random.float()
    if (chance < 0.3) return this.#writer.putOne(stream)
    if (chance < 0.5) return this.#writer.putMany(stream)
    if (chance < 0.9) return this.#reader.read(stream)
    if (chance < 0.98) return this.#administrator.list(stream).then(() => undefined)
    return this.#administrator.look()
  }

  async #makeOrFind(stream: KnownStream): Promise<void> {
    const found = await this.#administrator.list(stream)
    if (found === undefined || found.length > 0) return
    await this.#administrator.create(stream)
    await this.#administrator.list(stream)
  }

  async #between(): Promise<void> {
    const random = this.#random
    const machine = this.#machine
    if (machine.hasCrashed) await machine.revive()
    await machine.replaceDying()
    if (machine.faults?.hasFailed === true && random.float() < 0.4) await machine.restart('kill')
    const chance = random.float()
    if (chance < 0.012) await machine.restart('close')
    else if (chance < 0.03) await machine.restart(CRASH_MODES[randomBelow(random, CRASH_MODES.length)] ?? 'kill')
    else if (chance < 0.05) machine.doom(random)
    else if (chance < 0.06) this.#stepClock()
    await this.#passTime()
  }

  async #passTime(): Promise<void> {
    const random = this.#random
    const chance = random.float()
    let ms = chance < 0.5 ? 0 : randomBelow(random, 60)
    if (chance > 0.8) ms = randomBelow(random, 3_000)
    if (chance > 0.96) ms = randomBelow(random, 8 * 60_000)
    if (chance > (this.plan.isSlow ? 0.93 : 0.99)) ms = randomBelow(random, (this.plan.isSlow ? 12 : 26) * HOUR_MS)
    if (ms > 5 * 60_000) this.coverage.add('expiries of iterators')
    if (ms > 10 * HOUR_MS) this.coverage.add('expiries of records')
    if (ms > 0) await this.#machine.pass(ms)
  }

  #stepClock(): void {
    const random = this.#random
    const size = [500, 30_000, HOUR_MS, 30 * HOUR_MS][randomBelow(random, 4)] ?? 500
    const ms = (random.float() < 0.5 ? -1 : 1) * (1 + randomBelow(random, size))
    this.coverage.add('steps of the clock')
    this.#machine.stepWall(ms)
  }

  /** Everything is sound from here on. */
  async #calm(): Promise<void> {
    const machine = this.#machine
    await machine.restart(this.#random.float() < 0.5 ? 'kill' : 'close', true)
    this.#network.quieten()
    for (let ms = 0; ms < CALM_MS; ms += 1_000) await machine.pass(1_000)
  }

  async #readAtLast(stream: KnownStream): Promise<void> {
    const { history } = this
    if (await this.#readWhole(stream)) return
    history.add({ kind: 'complaint', what: `${stream.name} cannot be read whole after all has been calm` })
  }

  /** All shards of a stream, each to its tip or end, while nothing else goes on. */
  async #readWhole(stream: KnownStream): Promise<boolean> {
    const { history } = this
    const calledAt = history.now
    const status = await this.#administrator.status(stream)
    if (status === 'absent') {
      history.add({ kind: 'whole', stream: stream.name, calledAt, state: 'absent' })
      return true
    }
    if (status !== 'ACTIVE') return false
    const shards = await this.#administrator.list(stream, true)
    if (shards === undefined || shards.length === 0) return false
    await this.#administrator.compare(stream, shards)
    for (const shard of shards) if (!(await this.#reader.walk(stream, shard))) return false
    history.add({ kind: 'whole', stream: stream.name, calledAt, state: 'read' })
    this.coverage.add('whole readings')
    return true
  }

  #anyStream(): KnownStream {
    const stream = this.#streams[randomBelow(this.#random, this.#streams.length)]
    if (stream === undefined) throw new Error('a world has a stream')
    return stream
  }
}
