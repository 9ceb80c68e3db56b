/**
 * What a history says, put in order for the rules: every record by its number, every attempt by its data, every shard
 * with what it holds. Finds what no history can say: one number with two records, a record that nobody put, one
 * put twice. Invariants I6 and I8, and that nothing is invented and every byte is as it was put.
 */
import { decodeSequenceNumber, shardIdOf, startingSequenceNumber } from '@millrace/protocol'
import type { SeenRecord, SeenShard, StampedEvent } from './events.ts'
import { shortNumber, Violation } from './violation.ts'

/** A put of one record, and what its client was told. */
export interface Attempt {
  readonly stream: string
  readonly key: string
  readonly hash: bigint
  readonly data: string
  readonly request: number
  readonly entry: number
  readonly startedAt: number
  answeredAt: number
  /** Undefined: no answer came, or it said nothing. */
  sequenceNumber: string | undefined
  isRefused: boolean
}

/** A record that is known to be, or to have been, stored. */
export interface Fact {
  readonly sequenceNumber: string
  readonly shard: ShardFacts
  readonly key: string
  readonly hash: bigint
  readonly data: string
  /** The first attempt that can have stored it began here … */
  readonly startedAt: number
  /** … and by then somebody had been told of it. */
  knownAt: number
  /** By then it had been acknowledged; infinite if it never was. */
  acknowledgedAt: number
  /** Unknown while nobody has read it. */
  timeMs: number | undefined
  readonly request: number
  readonly entry: number
}

export interface ShardFacts {
  readonly stream: string
  readonly shardId: string
  readonly starting: string
  readonly birthS: number
  listed: SeenShard | undefined
  /** Somebody was told by then that it is closed; infinite if nobody was. */
  closedAt: number
  /** By number, once the facts are complete. */
  readonly records: Fact[]
}

/** The number's second is never after the arrival, but for records that arrive before their shard's birth. */
export function arrivalSecondMs(sequenceNumber: string): number {
  const number = decodeSequenceNumber(sequenceNumber)
  return number?.version === 2 ? number.timeS * 1000 : 0
}

/** A stream made again while the clock stands before its last life is born ahead of the clock: its first numbers are too. */
export function mayLeadClock(sequenceNumber: string): boolean {
  const number = decodeSequenceNumber(sequenceNumber)
  return number?.version === 2 && number.timeS === number.birthS
}

export class Facts {
  readonly attempts: Attempt[] = []
  readonly shards = new Map<string, ShardFacts>()
  /** By stream and number. */
  readonly #records = new Map<string, Fact>()
  readonly #attemptsByData = new Map<string, Attempt[]>()
  readonly #numbersByData = new Map<string, Set<string>>()
  readonly #requests = new Map<number, Attempt[]>()
  /** By number: decoding one costs more than all the rest. */
  readonly #startings = new Map<string, string>()

  constructor(events: readonly StampedEvent[]) {
    for (const [at, event] of events.entries()) {
      if (event.kind === 'put') this.#begin(event, at)
      else if (event.kind === 'put-answer') this.#answer(event, at)
    }
    for (const attempt of this.attempts) if (attempt.sequenceNumber !== undefined) this.#acknowledged(attempt)
    for (const [at, event] of events.entries())
      if (event.kind === 'page') for (const record of event.records) this.#read(record, event, at)
    for (const shard of this.shards.values())
      shard.records.sort((a, b) => (a.sequenceNumber < b.sequenceNumber ? -1 : 1))
    this.#countCopies()
  }

  find(stream: string, sequenceNumber: string): Fact | undefined {
    return this.#records.get(`${stream} ${sequenceNumber}`)
  }

  shard(stream: string, starting: string): ShardFacts {
    const name = `${stream} ${starting}`
    let shard = this.shards.get(name)
    if (shard === undefined) {
      const number = decodeSequenceNumber(starting)
      if (number?.version !== 2) throw new Violation('I8', `${starting} in ${stream} is no sequence number`)
      shard = {
        stream,
        shardId: shardIdOf(number.shard),
        starting,
        birthS: number.birthS,
        listed: undefined,
        closedAt: Number.POSITIVE_INFINITY,
        records: [],
      }
      this.shards.set(name, shard)
    }
    return shard
  }

  #begin(event: StampedEvent & { readonly kind: 'put' }, at: number): void {
    const attempts = event.entries.map(({ key, hash, data }, entry): Attempt => {
      return {
        key,
        hash,
        data,
        stream: event.stream,
        request: event.request,
        entry,
        startedAt: at,
        answeredAt: Number.POSITIVE_INFINITY,
        sequenceNumber: undefined,
        isRefused: false,
      }
    })
    this.#requests.set(event.request, attempts)
    for (const attempt of attempts) {
      this.attempts.push(attempt)
      const same = this.#attemptsByData.get(attempt.data)
      if (same === undefined) this.#attemptsByData.set(attempt.data, [attempt])
      else same.push(attempt)
    }
  }

  #answer(event: StampedEvent & { readonly kind: 'put-answer' }, at: number): void {
    const attempts = this.#requests.get(event.request) ?? []
    if (attempts.length !== event.outcomes.length)
      throw new Violation(
        'answers',
        `request ${event.request} of ${attempts.length} records has ${event.outcomes.length} answers`,
      )
    for (const [i, outcome] of event.outcomes.entries()) {
      const attempt = attempts[i]
      if (attempt === undefined) continue
      attempt.answeredAt = at
      if (outcome === 'refused') attempt.isRefused = true
      else if (outcome !== 'unknown') {
        attempt.sequenceNumber = outcome.sequenceNumber
        const shard = this.shard(attempt.stream, this.#startingOf(outcome.sequenceNumber, attempt.stream))
        if (shard.shardId !== outcome.shardId)
          throw new Violation(
            'answers',
            `the put of ${attempt.data} names ${outcome.shardId}, its number ${shard.shardId}`,
          )
      }
    }
  }

  #acknowledged(attempt: Attempt): void {
    const { stream, sequenceNumber = '', answeredAt } = attempt
    const before = this.find(stream, sequenceNumber)
    if (before !== undefined) {
      throw new Violation(
        'I8',
        `${shortNumber(sequenceNumber)} of ${stream} was given to ${before.data} and to ${attempt.data}`,
      )
    }
    this.#add(attempt, sequenceNumber, { knownAt: answeredAt, acknowledgedAt: answeredAt, timeMs: undefined })
  }

  #read(record: SeenRecord, page: StampedEvent & { readonly kind: 'page' }, at: number): void {
    const { shardId } = this.shard(page.stream, page.shard)
    const where = (): string => `${shortNumber(record.sequenceNumber)} of ${page.stream}, ${shardId}`
    if (this.#startingOf(record.sequenceNumber, page.stream) !== page.shard)
      throw new Violation('I8', `a reader of another shard was given ${where()}`)
    let fact = this.find(page.stream, record.sequenceNumber)
    if (fact === undefined) {
      const attempts = this.#attemptsByData.get(record.data) ?? []
      // An acknowledged attempt has a number already: another copy must come from one whose outcome nobody knows.
      const maker = attempts.find(
        (attempt) =>
          attempt.stream === page.stream &&
          attempt.startedAt < at &&
          !attempt.isRefused &&
          attempt.sequenceNumber === undefined,
      )
      if (maker === undefined) {
        const refused = attempts.some((attempt) => attempt.isRefused)
        throw new Violation(
          attempts.length === 0 ? 'invention' : 'I6',
          `${where()} holds ${JSON.stringify(record.data.slice(0, 40))}, ` +
            (attempts.length === 0
              ? 'which nobody put'
              : refused
                ? 'which was refused'
                : 'which is stored elsewhere already, and was not sent again'),
        )
      }
      fact = this.#add(maker, record.sequenceNumber, {
        knownAt: at,
        acknowledgedAt: Number.POSITIVE_INFINITY,
        timeMs: record.timeMs,
      })
    }
    if (fact.data !== record.data || fact.key !== record.key) {
      throw new Violation(
        'bytes',
        `${where()} holds ${record.key} ${JSON.stringify(record.data.slice(0, 40))}, ` +
          `not ${fact.key} ${JSON.stringify(fact.data.slice(0, 40))}`,
      )
    }
    if (fact.timeMs !== undefined && fact.timeMs !== record.timeMs)
      throw new Violation('times', `${where()} arrived at ${fact.timeMs}, and later at ${record.timeMs}`)
    fact.timeMs = record.timeMs
    fact.knownAt = Math.min(fact.knownAt, at)
  }

  #add(attempt: Attempt, sequenceNumber: string, known: Pick<Fact, 'knownAt' | 'acknowledgedAt' | 'timeMs'>): Fact {
    const { stream, key, hash, data, startedAt, request, entry } = attempt
    const shard = this.shard(stream, this.#startingOf(sequenceNumber, stream))
    const fact: Fact = { sequenceNumber, shard, key, hash, data, startedAt, request, entry, ...known }
    this.#records.set(`${stream} ${sequenceNumber}`, fact)
    shard.records.push(fact)
    const name = `${stream} ${data}`
    const numbers = this.#numbersByData.get(name)
    if (numbers === undefined) this.#numbersByData.set(name, new Set([sequenceNumber]))
    else numbers.add(sequenceNumber)
    return fact
  }

  /** As many copies as were sent and not refused, at the most. */
  #countCopies(): void {
    for (const [name, numbers] of this.#numbersByData) {
      if (numbers.size === 1) continue
      const [stream, data] = [name.slice(0, name.indexOf(' ')), name.slice(name.indexOf(' ') + 1)]
      const sent = (this.#attemptsByData.get(data) ?? []).filter(
        (attempt) => attempt.stream === stream && !attempt.isRefused,
      )
      if (numbers.size > sent.length)
        throw new Violation(
          'I6',
          `${data} was sent ${sent.length} times to ${stream} and is there ${numbers.size} times`,
        )
    }
  }

  /** The first number of the shard that a number belongs to. */
  #startingOf(sequenceNumber: string, stream: string): string {
    const known = this.#startings.get(sequenceNumber)
    if (known !== undefined) return known
    const number = decodeSequenceNumber(sequenceNumber)
    if (number?.version !== 2) throw new Violation('I8', `${sequenceNumber} of ${stream} is no sequence number`)
    const starting = startingSequenceNumber({ birthS: number.birthS, shard: number.shard })
    this.#startings.set(sequenceNumber, starting)
    return starting
  }
}
