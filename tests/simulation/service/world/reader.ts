/**
 * Clients that read: from every kind of origin, with iterators kept for long or used twice, through reshards and
 * crashes; and those that read a stream whole.
 */
import { GetRecords, GetShardIterator, type GetShardIteratorInput } from '@millrace/protocol'
import { randomBelow, sleep } from '@millrace/std'
import type { Origin, SeenRecord, SeenShard } from '../history/events.ts'
import type { KnownStream } from './known-streams.ts'
import type { Reply } from './network.ts'
import { anyServer, ask, firstServer, type Scene } from './scene.ts'
import type { ServerLife } from './server-life.ts'

const READERS_MAX = 8
const LIMITS = [1, 2, 3, 10, undefined, undefined] as const
/** A page of a walk may be throttled so often. */
const TRIES_MAX = 200

/** A place in a shard that somebody holds an iterator of. */
interface Place {
  readonly stream: KnownStream
  readonly shard: SeenShard
  readonly origin: Origin
  readonly after: string | undefined
  readonly iterator: string
  /** Between these two, by the wall clock, it was issued. */
  readonly issuedFromMs: number
  readonly issuedToMs: number
}

/** `undefined`: no answer that leads on. */
type Step =
  { readonly next: Place | undefined; readonly behindMs: number; readonly records: number } | 'throttled' | undefined

export class Reader {
  readonly #scene: Scene
  readonly #places: Place[] = []

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /** Opens another reader, or reads on with one. */
  async read(stream: KnownStream): Promise<void> {
    const { random } = this.#scene
    if (this.#places.length < READERS_MAX && (this.#places.length === 0 || random.float() < 0.4)) {
      const shard = stream.pick(stream.shards)
      if (shard === undefined) return
      const place = await this.#open(stream, shard, this.#inputFor(stream, shard))
      if (place !== undefined) this.#places.push(place)
      return
    }
    const [place] = this.#places.splice(randomBelow(random, this.#places.length), 1)
    if (place === undefined) return
    // Some iterators are used again.
    if (random.float() < 0.15) this.#places.push(place)
    if (random.float() < 0.04) return this.#forge(place)
    const step = await this.#step(place, LIMITS[randomBelow(random, LIMITS.length)])
    if (step === 'throttled') this.#places.push(place)
    else if (step?.next !== undefined) this.#places.push(step.next)
    if (this.#places.length > READERS_MAX) this.#places.splice(0, this.#places.length - READERS_MAX)
  }

  /** Reads a shard from its oldest record to its tip or end. False: it could not be done. */
  async walk(stream: KnownStream, shard: SeenShard): Promise<boolean> {
    const { random, machine } = this.#scene
    const server = firstServer(this.#scene)
    let place = await this.#open(stream, shard, { type: 'TRIM_HORIZON' }, server)
    const limit = LIMITS[randomBelow(random, LIMITS.length)]
    for (let tries = 0; place !== undefined && tries < TRIES_MAX; tries++) {
      const step = await this.#step(place, limit === 1 ? 3 : limit, server)
      if (step === undefined) return false
      if (step === 'throttled') {
        await sleep(machine.clock, 1_000)
        continue
      }
      if (step.next === undefined || step.behindMs === 0) return true
      place = step.next
    }
    return false
  }

  #inputFor(stream: KnownStream, shard: SeenShard): OriginToAsk {
    const { random, machine } = this.#scene
    const known = stream.pick(stream.recent.filter(({ shardId }) => shardId === shard.shardId))
    const choice = randomBelow(random, 5)
    if (known !== undefined && choice === 0) return { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: known.sequenceNumber }
    if (known !== undefined && choice === 1)
      return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: known.sequenceNumber }
    if (choice === 2) {
      const aroundMs = known?.timeMs ?? machine.clock.now() - randomBelow(random, 60_000)
      return { type: 'AT_TIMESTAMP', timestampMs: aroundMs + randomBelow(random, 3) - 1 }
    }
    return choice === 3 ? { type: 'LATEST' } : { type: 'TRIM_HORIZON' }
  }

  async #open(
    stream: KnownStream,
    shard: SeenShard,
    from: OriginToAsk,
    // The one whose list it was.
    server: ServerLife = firstServer(this.#scene),
  ): Promise<Place | undefined> {
    const { machine, history } = this.#scene
    const calledAt = history.now
    const issuedFromMs = machine.clock.now()
    const input: GetShardIteratorInput = {
      StreamName: stream.name,
      ShardId: shard.shardId,
      ShardIteratorType: from.type,
      ...('sequenceNumber' in from ? { StartingSequenceNumber: from.sequenceNumber } : {}),
      ...('timestampMs' in from ? { Timestamp: from.timestampMs } : {}),
    }
    const reply = await ask(this.#scene, GetShardIterator, input, { server, stream })
    if (reply.kind !== 'answer') return undefined
    const answeredAt = history.now
    const origin: Origin =
      from.type === 'LATEST' || from.type === 'AT_TIMESTAMP' ? { ...from, calledAt, answeredAt } : from
    const iterator = reply.output.ShardIterator ?? ''
    return { stream, shard, origin, after: undefined, iterator, issuedFromMs, issuedToMs: machine.clock.now() }
  }

  async #step(place: Place, limit: number | undefined, server: ServerLife = anyServer(this.#scene)): Promise<Step> {
    const { machine, history, coverage } = this.#scene
    const { stream, shard, origin } = place
    const calledAt = history.now
    const fromMs = machine.clock.now()
    const input = { ShardIterator: place.iterator, ...(limit === undefined ? {} : { Limit: limit }) }
    const reply = await ask(this.#scene, GetRecords, input, { server, stream })
    this.#noteUse(place, reply, fromMs, false)
    if (reply.kind === 'refused' && reply.type === 'ProvisionedThroughputExceededException') return 'throttled'
    if (reply.kind !== 'answer') return undefined
    const { Records, NextShardIterator, MillisBehindLatest = 0, ChildShards } = reply.output
    const records = Records.map((record): SeenRecord => {
      return {
        sequenceNumber: record.SequenceNumber,
        key: record.PartitionKey ?? '',
        data: Buffer.from(record.Data).toString(),
        timeMs: record.ApproximateArrivalTimestamp ?? 0,
      }
    })
    coverage.add('records read', records.length)
    const children =
      NextShardIterator === undefined ? (ChildShards ?? []).map(({ ShardId }) => ShardId).sort() : undefined
    if (NextShardIterator !== undefined && ChildShards !== undefined)
      history.add({ kind: 'complaint', what: `GetRecords gives ${shard.shardId} both children and a next iterator` })
    history.add({
      kind: 'page',
      stream: stream.name,
      shard: shard.starting,
      calledAt,
      origin,
      after: place.after,
      records,
      behindMs: MillisBehindLatest,
      children,
    })
    const last = records.at(-1)
    if (last !== undefined && stream.shards.includes(shard)) stream.remember({ ...last, ...shard })
    if (children !== undefined) coverage.add('ends of shards read')
    const next =
      NextShardIterator === undefined
        ? undefined
        : {
            ...place,
            after: last?.sequenceNumber ?? place.after,
            iterator: NextShardIterator,
            issuedFromMs: fromMs,
            issuedToMs: machine.clock.now(),
          }
    return { next, behindMs: MillisBehindLatest, records: records.length }
  }

  /** An iterator that somebody changed on the way. */
  async #forge(place: Place): Promise<void> {
    const { random, machine } = this.#scene
    const at = randomBelow(random, place.iterator.length - 4)
    const other = place.iterator[at] === 'A' ? 'B' : 'A'
    const iterator = place.iterator.slice(0, at) + other + place.iterator.slice(at + 1)
    const fromMs = machine.clock.now()
    const reply = await ask(this.#scene, GetRecords, { ShardIterator: iterator }, { stream: place.stream })
    this.#noteUse(place, reply, fromMs, true)
  }

  #noteUse(place: Place, reply: Reply<unknown>, fromMs: number, isForged: boolean): void {
    const { history, machine, coverage } = this.#scene
    if (reply.kind === 'lost' || reply.kind === 'failed') return
    const isRefused = reply.kind === 'refused'
    const answer =
      isRefused && reply.type === 'ExpiredIteratorException'
        ? 'expired'
        : isRefused && reply.type === 'InvalidArgumentException'
          ? 'invalid'
          : 'taken'
    if (answer === 'expired') coverage.add('iterators expired')
    if (isForged) coverage.add('iterators forged')
    history.add({
      kind: 'iterator',
      ageMinMs: fromMs - place.issuedToMs,
      ageMaxMs: machine.clock.now() - place.issuedFromMs,
      answer,
      isForged,
    })
  }
}

type OriginToAsk = Exclude<Origin, { readonly type: 'LATEST' }> | { readonly type: 'LATEST' }
