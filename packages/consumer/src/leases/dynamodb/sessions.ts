/**
 * Who lives: an item for each worker of ours, in a table of its own, since a KCL takes every item of its table for a lease.
 * A worker counts its item up with each beat; the others measure on their own clocks how long it has stood still. One
 * more item counts news, so that nobody reads the leases while nothing changes.
 */
import { DeleteItemCommand, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import type { Clock } from '@millrace/std'
import type { Beat, LiveWorker } from '../lease-store.ts'
import { call, scan } from './dynamo-calls.ts'

interface Seen extends LiveWorker {
  readonly beats: string
  readonly ttlMs: number
  readonly movedAtMs: number
  /** Seen at two places. */
  readonly hasMoved: boolean
}

/** No worker is called so: names of workers are told to be unique for a life. */
const NEWS = '#news'
/** What is left of a worker that died goes after so long. */
const FORGET_MS = 60_000

export class Sessions {
  readonly #client: DynamoDBClient
  readonly #table: string
  readonly #clock: Clock
  #seen = new Map<string, Seen>()

  constructor(client: DynamoDBClient, table: string, clock: Clock) {
    this.#client = client
    this.#table = table
    this.#clock = clock
  }

  async keep({ worker, ttlMs, capacity }: Beat, signal: AbortSignal): Promise<void> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: { worker: { S: worker } },
      UpdateExpression: 'SET #ttl = :ttl, #capacity = :capacity ADD #beats :one',
      ExpressionAttributeNames: { '#ttl': 'ttlMs', '#capacity': 'capacity', '#beats': 'beats' },
      ExpressionAttributeValues: {
        ':ttl': { N: String(ttlMs) },
        ':capacity': { N: String(capacity) },
        ':one': { N: '1' },
      },
    })
    await call(() => this.#client.send(command, { abortSignal: signal }), signal)
  }

  /** Something changed that matters to who should hold what. */
  async announce(signal: AbortSignal): Promise<void> {
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: { worker: { S: NEWS } },
      UpdateExpression: 'ADD #news :one',
      ExpressionAttributeNames: { '#news': 'news' },
      ExpressionAttributeValues: { ':one': { N: '1' } },
    })
    await call(() => this.#client.send(command, { abortSignal: signal }), signal)
  }

  /** Reads who there is. Answers how much news there were ever. */
  async look(signal: AbortSignal): Promise<string> {
    const items = await scan(this.#client, { TableName: this.#table }, signal)
    const nowMs = this.#clock.monotonic()
    let news = '0'
    const seen = new Map<string, Seen>()
    for (const item of items) {
      const worker = item['worker']?.S ?? ''
      if (worker === NEWS) {
        news = item['news']?.N ?? '0'
        continue
      }
      const beats = item['beats']?.N ?? '0'
      const before = this.#seen.get(worker)
      const isSame = before === undefined || before.beats === beats
      seen.set(worker, {
        worker,
        capacity: Number(item['capacity']?.N ?? 1),
        ttlMs: Number(item['ttlMs']?.N ?? 0),
        beats,
        movedAtMs: isSame && before !== undefined ? before.movedAtMs : nowMs,
        hasMoved: !isSame || before?.hasMoved === true,
      })
    }
    this.#seen = seen
    await this.#forget(signal)
    return news
  }

  live(): readonly LiveWorker[] {
    return this.#living().map(({ worker, capacity }) => ({ worker, capacity }))
  }

  /** All that count as living have been seen to live: who looks for the first time takes everybody for living. */
  get isDecided(): boolean {
    return this.#living().every(({ hasMoved }) => hasMoved)
  }

  /** One of ours, alive or dead. */
  isKnown(worker: string): boolean {
    return this.#seen.has(worker)
  }

  async leave(worker: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteItemCommand({ TableName: this.#table, Key: { worker: { S: worker } } })
    await call(() => this.#client.send(command, { abortSignal: signal }), signal)
  }

  #living(): readonly Seen[] {
    const nowMs = this.#clock.monotonic()
    return [...this.#seen.values()].filter(({ ttlMs, movedAtMs }) => nowMs - movedAtMs < ttlMs)
  }

  async #forget(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonic()
    for (const { worker, ttlMs, movedAtMs, beats } of this.#seen.values()) {
      if (nowMs - movedAtMs < ttlMs + FORGET_MS) continue
      const command = new DeleteItemCommand({
        TableName: this.#table,
        Key: { worker: { S: worker } },
        ConditionExpression: '#beats = :beats',
        ExpressionAttributeNames: { '#beats': 'beats' },
        ExpressionAttributeValues: { ':beats': { N: beats } },
      })
      await call(() => this.#client.send(command, { abortSignal: signal }), signal)
    }
  }
}
