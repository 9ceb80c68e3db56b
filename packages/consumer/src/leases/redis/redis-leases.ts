/** The leases of one application in Redis, as its workers and whoever looks after them see them. */
import type { Random } from '@millrace/std'
import {
  checkCount,
  endsWaits,
  LEASES_PER_CALL_MAX,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from '../lease-store.ts'
import type { Lease, NewLease } from '../lease.ts'
import { KnownTerms } from './known-terms.ts'
import { membersOf, newMembersOf, type StoredLease, storedLease } from './lease-document.ts'
import type { Keys, RedisConnection, Script } from './redis-connection.ts'
import { BEAT, CREATE, DELETE, LEAVE, REMOVE, UPDATE } from './scripts.ts'

export interface Session extends LiveWorker {
  readonly ttlMs: number
}

type LivingWorker = LiveWorker & { readonly leftMs: number }

export interface ApplicationState {
  readonly cursor: string
  readonly isComplete: boolean
  /** Something that ends waits. */
  readonly isAnnounced: boolean
  /** With what is left of their sessions, ms. */
  readonly workers: readonly LivingWorker[]
  readonly leases: readonly Lease[]
}

type Change = LeaseUpdate & { readonly term: string }

export class RedisLeases {
  readonly channel: string
  readonly #connection: RedisConnection
  readonly #random: Random
  readonly #keys: Keys
  readonly #terms = new KnownTerms()
  /** The id of the last change that was answered, and told by no look yet. */
  #answered = ''
  /** Somebody meant an older term than is known here: late, or it is there again. The next look tells everything. */
  #isInDoubt = false

  constructor(connection: RedisConnection, random: Random, prefix: string, application: string) {
    const key = (name: string): string => `${prefix}:{${application}}:${name}`
    this.#connection = connection
    this.#random = random
    this.#keys = [key('application'), key('leases'), key('order'), key('history'), key('workers')]
    this.channel = key('news')
  }

  /** Begins or goes on with a session, where one is given. `undefined`: there is no such application. */
  async look(
    session: Session | undefined,
    cursor: string | undefined,
    signal: AbortSignal,
  ): Promise<ApplicationState | undefined> {
    const { worker = '', ttlMs = 0, capacity = 0 } = session ?? {}
    const answered = this.#answered
    const isInDoubt = this.#isInDoubt
    const since = isInDoubt ? undefined : cursor
    const args = [worker, String(ttlMs), String(capacity), since ?? '', answered]
    const reply = await this.#connection.run(BEAT, this.#keys, [this.channel, this.#newId(), ...args], signal)
    const [last, isComplete, isAnnounced, sessions, told] = reply as readonly [string, number, number, string[], string[]] // prettier-ignore
    if (this.#answered === answered) this.#answered = ''
    if (isInDoubt) this.#isInDoubt = false
    if (last === undefined) return undefined
    const leases = [...inTurn(told, 2)].map(([key = '', document = '']) => storedLease(key, document))
    if (isComplete === 1) this.#terms.keep(leases)
    const older = leases.filter((lease) => !this.#terms.learn(lease))
    if (older.length > 0) {
      await this.#endTerms(older, signal)
      return this.look(session, cursor, signal)
    }
    return {
      cursor: last,
      isComplete: isComplete === 1,
      isAnnounced: isAnnounced === 1,
      workers: workersOf(sessions),
      leases: leases.map(({ lease }) => lease),
    }
  }

  /** By which its node is found. */
  get key(): string {
    return this.#keys[0]
  }

  async isMade(signal: AbortSignal): Promise<boolean> {
    return Number(await this.#connection.send(['EXISTS', this.key], this.key, signal)) === 1
  }

  async create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    const rows = leases.map((lease) => ({ key: lease.key, members: newMembersOf(lease) }))
    await this.#write(CREATE, rows, (reply) => reply === 1, signal)
  }

  update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    checkCount(updates)
    return this.#change(updates.map((update) => ({ ...update, term: this.#terms.of(update.key, update.epoch) })), signal) // prettier-ignore
  }

  async remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    checkCount(leases)
    const rows = leases.map(({ key, epoch }) => ({ key, epoch: String(epoch), term: this.#terms.of(key, epoch) }))
    await this.#write(REMOVE, rows, (reply) => reply === 1, signal)
  }

  async leave(worker: string, signal: AbortSignal): Promise<void> {
    await this.#connection.run(LEAVE, this.#keys, [this.channel, this.#newId(), worker], signal)
  }

  /** All of them, with the application. Says who lives: then nothing is done unless `force` is set. `undefined`: there is no such application. */
  async delete(
    force: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly isDone: boolean; readonly workers: readonly LiveWorker[] } | undefined> {
    const args = [this.channel, this.#newId(), force ? '1' : '']
    const reply = await this.#connection.write(DELETE, this.#keys, args, signal)
    const [isDone, sessions = []] = reply as readonly [number?, string[]?]
    return isDone === undefined ? undefined : { isDone: isDone === 1, workers: workersOf(sessions) }
  }

  async #change(changes: readonly Change[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    const rows = changes.map(({ key, epoch, term, change }) => ({
      key,
      epoch: String(epoch),
      term,
      members: membersOf(change),
      isNews: endsWaits(change) || 'loadKiBps' in change,
      endsWaits: endsWaits(change),
    }))
    const isChange = (reply: unknown): boolean => rows.some(({ isNews }, i) => isNews && (reply as readonly string[])[2 * i] === 'updated') // prettier-ignore
    const reply = (await this.#write(UPDATE, rows, isChange, signal)) as readonly string[]
    return [...inTurn(reply, 2)].map(([outcome, document = ''], i): LeaseUpdateResult => {
      if (outcome === 'gone') return { outcome }
      const stored = storedLease(changes[i]?.key ?? '', document)
      if (!this.#terms.learn(stored)) this.#isInDoubt = true
      return { outcome: outcome as 'updated' | 'conflict', lease: stored.lease }
    })
  }

  /** Terms from before something was lost, or in epochs that were others' then: ended before anybody here hears of them. */
  async #endTerms(stored: readonly StoredLease[], signal: AbortSignal): Promise<void> {
    const changes = stored.map(({ lease: { key, epoch }, term }) => ({ key, epoch, term, change: { epoch: this.#terms.nextEpoch(key) } })) // prettier-ignore
    for (let at = 0; at < changes.length; at += LEASES_PER_CALL_MAX)
      await this.#change(changes.slice(at, at + LEASES_PER_CALL_MAX), signal)
  }

  async #write(
    script: Script,
    rows: readonly unknown[],
    isChange: (reply: unknown) => boolean,
    signal: AbortSignal,
  ): Promise<unknown> {
    const id = this.#newId()
    const reply = await this.#connection.write(script, this.#keys, [this.channel, id, JSON.stringify(rows)], signal)
    if (isChange(reply)) this.#answered = id
    return reply
  }

  #newId(): string {
    return Buffer.from(this.#random.bytes(12)).toString('base64url')
  }
}

function workersOf(sessions: readonly string[]): readonly LivingWorker[] {
  return [...inTurn(sessions, 3)].map(([worker = '', takes, leftMs]) => ({ worker, capacity: Number(takes), leftMs: Number(leftMs) })) // prettier-ignore
}

function* inTurn(list: readonly string[], count: number): Generator<readonly string[]> {
  for (let at = 0; at < list.length; at += count) yield list.slice(at, at + count)
}
