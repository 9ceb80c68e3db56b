/** Clients that put: alone and many at once, by key and by hash, again when no answer came. */
import { PutRecord, PutRecords } from '@millrace/protocol'
import { randomBelow } from '@millrace/std'
import type { PutOutcome } from '../history/events.ts'
import type { EntryToPut, KnownStream } from './known-streams.ts'
import { ask, type Scene } from './scene.ts'

const ENTRIES_MAX = 10

export class Writer {
  readonly #scene: Scene
  #requests = 0
  #records = 0

  constructor(scene: Scene) {
    this.#scene = scene
  }

  async putOne(stream: KnownStream): Promise<void> {
    const { random } = this.#scene
    const entry = stream.nextEntry(this.#records++)
    const request = this.#begin(stream, [entry])
    // The number of a record that came before: it asks for what every number does anyway.
    const before = random.float() < 0.3 ? stream.recent.at(-1)?.sequenceNumber : undefined
    const reply = await ask(
      this.#scene,
      PutRecord,
      {
        StreamName: stream.name,
        ...inputOf(entry),
        ...(before === undefined ? {} : { SequenceNumberForOrdering: before }),
      },
      { stream },
    )
    this.#end(
      stream,
      request,
      [entry],
      [
        reply.kind === 'answer'
          ? { shardId: reply.output.ShardId, sequenceNumber: reply.output.SequenceNumber }
          : reply.kind === 'refused'
            ? 'refused'
            : 'unknown',
      ],
    )
  }

  async putMany(stream: KnownStream): Promise<void> {
    const { random, plan, machine, history } = this.#scene
    const entries = Array.from({ length: 1 + randomBelow(random, ENTRIES_MAX) }, () =>
      stream.nextEntry(this.#records++),
    )
    const request = this.#begin(stream, entries)
    const mayBeGone = stream.beginRequest()
    const reply = await ask(
      this.#scene,
      PutRecords,
      { StreamName: stream.name, Records: entries.map(inputOf) },
      { stream },
    )
    if (reply.kind !== 'answer') {
      this.#end(
        stream,
        request,
        entries,
        entries.map(() => (reply.kind === 'refused' ? 'refused' : 'unknown')),
      )
      return
    }
    const outcomes = reply.output.Records.map(({ SequenceNumber, ShardId, ErrorCode }): PutOutcome => {
      if (SequenceNumber !== undefined && ShardId !== undefined)
        return { shardId: ShardId, sequenceNumber: SequenceNumber }
      return ErrorCode === 'ProvisionedThroughputExceededException' ? 'refused' : 'unknown'
    })
    if (outcomes.includes('unknown') && !machine.isAiling && plan.handlingMs >= 20_000 && !mayBeGone())
      history.add({ kind: 'complaint', what: 'PutRecords failed with records on a sound machine' })
    this.#end(stream, request, entries, outcomes)
  }

  #begin(stream: KnownStream, entries: readonly EntryToPut[]): number {
    const request = ++this.#requests
    const put = entries.map(({ key, hash, data }) => ({ key, hash, data }))
    this.#scene.history.add({ kind: 'put', stream: stream.name, request, entries: put })
    return request
  }

  #end(stream: KnownStream, request: number, entries: readonly EntryToPut[], outcomes: readonly PutOutcome[]): void {
    const { history, coverage } = this.#scene
    history.add({ kind: 'put-answer', request, outcomes })
    for (const [i, outcome] of outcomes.entries()) {
      const entry = entries[i]
      if (entry === undefined) continue
      if (outcome === 'unknown') {
        coverage.add('records of unknown outcome')
        stream.giveUp(entry)
      } else if (outcome === 'refused') coverage.add('records refused')
      else {
        coverage.add('records acknowledged')
        stream.remember({ ...outcome, starting: '', timeMs: undefined })
      }
    }
  }
}

function inputOf({ key, hash, data, explicit }: EntryToPut): {
  readonly PartitionKey: string
  readonly Data: Uint8Array
  readonly ExplicitHashKey?: string
} {
  return {
    PartitionKey: key,
    Data: Buffer.from(data),
    ...(explicit ? { ExplicitHashKey: hash.toString() } : {}),
  }
}
