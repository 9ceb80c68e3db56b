/** Calls of Redis, bounded, with failures as a lease store has them. */
import { createHash } from 'node:crypto'
import { type Clock, untilAborted } from '@millrace/std'
import { LeaseStoreError, type LeaseStoreErrorCode } from '../lease-store.ts'
import { withinMs } from '../within-ms.ts'
import { type RedisClient, type RedisSender, senderOf } from './redis-client.ts'

/** Of one command. */
const CALL_MS_MAX = 10_000
/** Clients keep commands for a server that is away, some for ever. */
const UNANSWERED_MAX = 1_000
/** What a write waits for its replicas. Less than a third of a session's life, after which a call counts as failed. */
const REPLICAS_MS = 1_000

/** See `RedisLeaseStoreOptions.replicas`. */
export interface RedisReplicas {
  readonly count: number
  /** Also synced to disk, there and on the server itself (`WAITAOF`, from 7.2 on). Default: false, `WAIT`. */
  readonly fsync?: boolean | undefined
}

export interface Script {
  readonly text: string
  readonly sha1: string
}

/** All on one node of a cluster. */
export type Keys = readonly [string, ...string[]]

export function scriptOf(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}

export class RedisConnection {
  readonly #send: RedisSender
  readonly #clock: Clock
  readonly #replicas: RedisReplicas | undefined
  #unanswered = 0

  constructor(client: RedisClient, clock: Clock, replicas?: RedisReplicas) {
    this.#send = senderOf(client)
    this.#clock = clock
    this.#replicas = replicas
  }

  /** `key`: of the node that is meant. What was begun goes on in the client and in Redis when nobody waits for it any more. */
  send(words: readonly string[], key: string, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    return withinMs(this.#clock, CALL_MS_MAX, signal, (bounded) => untilAborted(this.#sent(words, key), bounded))
  }

  async run(script: Script, keys: Keys, args: readonly string[], signal: AbortSignal): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.send(['EVALSHA', script.sha1, ...rest], keys[0], signal)
    } catch (error) {
      if (!(error instanceof LeaseStoreError) || codeWord(error.cause) !== 'NOSCRIPT') throw error
      return this.send(['EVAL', script.text, ...rest], keys[0], signal)
    }
  }

  /**
   * As `run`; resolves when the replicas that are asked for have it. Redis tells that of the connection that wrote, and of one that
   * wrote nothing it tells that all is well: so all of it counts only if the connection is the same before and after.
   */
  async write(script: Script, keys: Keys, args: readonly string[], signal: AbortSignal): Promise<unknown> {
    if (this.#replicas === undefined) return this.run(script, keys, args, signal)
    const { count, fsync = false } = this.#replicas
    const wait = [...(fsync ? ['WAITAOF', '1'] : ['WAIT']), String(count), String(REPLICAS_MS)]
    const commands = [
      ['CLIENT', 'ID'],
      // Not by its sum: a second try would come behind the wait.
      ['EVAL', script.text, String(keys.length), ...keys, ...args],
      wait,
      ['CLIENT', 'ID'],
    ]
    const [before, reply, acknowledged, after] = await Promise.all(
      commands.map((words) => this.send(words, keys[0], signal)),
    )
    if (before !== after)
      throw new LeaseStoreError('unavailable', 'Redis: expected a write and its wait on one connection, found two.')
    const [local, replicas] = fsync ? (acknowledged as readonly [unknown, unknown]) : [1, acknowledged]
    if (Number(local) < 1 || Number(replicas) < count)
      throw new LeaseStoreError('unavailable', `Redis: expected ${count} replicas to have a write within ${REPLICAS_MS} ms, found ${String(replicas)}.`) // prettier-ignore
    return reply
  }

  async #sent(words: readonly string[], key: string): Promise<unknown> {
    if (this.#unanswered >= UNANSWERED_MAX)
      throw new LeaseStoreError('unavailable', `Redis: ${UNANSWERED_MAX} commands are not answered yet.`)
    this.#unanswered++
    try {
      return await this.#send(words, key)
    } catch (error) {
      throw storeError(error)
    } finally {
      this.#unanswered--
    }
  }
}

function storeError(cause: unknown): LeaseStoreError {
  return new LeaseStoreError(codeOf(cause), `Redis: ${(cause as Error).message}`, { cause })
}

function codeOf(cause: unknown): LeaseStoreErrorCode {
  switch (codeWord(cause)) {
    case 'OOM':
      return 'throttled'
    case 'NOAUTH':
    case 'NOPERM':
    case 'WRONGPASS':
      return 'denied'
    case 'ERR':
    case 'WRONGTYPE':
    case 'NOPROTO':
    case 'CROSSSLOT':
      return 'invalid'
    default:
      // LOADING, READONLY, MASTERDOWN, CLUSTERDOWN and others pass, and so does what the client says of its connection.
      return 'unavailable'
  }
}

/** What an error of the server begins with: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */
function codeWord(cause: unknown): string | undefined {
  return /^([A-Z]{2,}) /.exec((cause as Error).message)?.[1]
}
