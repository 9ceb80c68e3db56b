/**
 * Both readers on a real server, over every transport: a stream is split and merged while it is written, connections are
 * cut on the way, and each record comes once, in its key's order, a child's behind its parents'.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { KinesisClient } from '@millrace/client'
import { fanOut, type OpenRetrieval, polling, type Retrieval } from '@millrace/consumer'
import { startServer } from '@millrace/server'
import { deferred, systemClock, systemRandom } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const HALF = 2n ** 127n
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const ROUNDS = 40
/** When so many records have come. */
const CUT_AT = 20

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  server = await startServer({ port: 0, dataDir: ':memory:', shardLimits: 'off' })
})
afterAll(() => server.close())

/** A way to the server that can be cut. */
class Line implements AsyncDisposable {
  readonly #sockets = new Set<Socket>()
  readonly #listener: Server

  constructor(port: number) {
    this.#listener = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy()).on('close', () => void (this.#sockets.delete(from), to.destroy()))
        from.pipe(to)
      }
    })
  }

  listen(): Promise<string> {
    return new Promise((resolve) => {
      this.#listener.listen(0, '127.0.0.1', () => {
        const address = this.#listener.address()
        resolve(`http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`)
      })
    })
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#listener.close(resolve))
  }
}

function clientOf(endpoint: string, httpVersion: '1.1' | '2'): KinesisClient {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  return new KinesisClient({ endpoint, region: 'us-east-1', credentials, httpVersion, codec: 'cbor' })
}

/** Reads shards and their children, each when its parents have ended. */
class Walk {
  readonly texts: string[] = []
  readonly #ended = new Set<string>()
  readonly #begun = new Set<string>()
  readonly #reads: Promise<void>[] = []
  readonly #retrieval: Retrieval
  readonly #stream: string
  readonly #signal: AbortSignal
  troubles = 0

  constructor(retrieval: Retrieval, stream: string, signal: AbortSignal) {
    this.#retrieval = retrieval
    this.#stream = stream
    this.#signal = signal
  }

  begin(shardId: string, onRecord: () => void): void {
    if (this.#begun.has(shardId)) return
    this.#begun.add(shardId)
    this.#reads.push(this.#read(shardId, onRecord))
  }

  async end(): Promise<void> {
    await Promise.all(this.#reads)
  }

  async #read(shardId: string, onRecord: () => void): Promise<void> {
    await using reader = this.#retrieval.open({
      stream: this.#stream,
      shardId,
      position: { kind: 'trim-horizon' },
      onTrouble: () => {
        this.troubles++
      },
    })
    for (;;) {
      const batch = await reader.next(this.#signal)
      this.texts.push(...batch.records.map(({ Data }) => Buffer.from(Data).toString()))
      if (batch.records.length > 0) onRecord()
      if (!batch.isEnd) continue
      this.#ended.add(shardId)
      for (const child of batch.children)
        if (child.ParentShards.every((parent) => this.#ended.has(parent))) this.begin(child.ShardId, onRecord)
      return
    }
  }
}

describe.concurrent('readers', () => {
  it.each<[string, '1.1' | '2', OpenRetrieval]>([
    ['polling', '1.1', polling({ readsPerSecond: 50, pollIntervalMs: 20 })],
    ['polling', '2', polling({ readsPerSecond: 50, pollIntervalMs: 20 })],
    ['fan-out', '1.1', fanOut()],
    ['fan-out', '2', fanOut()],
  ])('%s over HTTP/%s', async (kind, httpVersion, open) => {
    const StreamName = `${kind}-${httpVersion.replace('.', '-')}`
    await using line = new Line(server.port)
    await using writer = clientOf(server.endpoint, '1.1')
    await using client = clientOf(await line.listen(), httpVersion)
    await writer.createStream({ StreamName, ShardCount: 2 })
    const stop = new AbortController()
    await using retrieval = open({ service: client, application: 'app', clock: systemClock, random: systemRandom })
    const walk = new Walk(retrieval, StreamName, stop.signal)
    let isCut = false
    const cut = deferred<void>()
    const isWhole = new Promise<void>((resolve) => {
      const onRecord = (): void => {
        if (!isCut && walk.texts.length >= CUT_AT) {
          isCut = true
          line.cut()
          cut.resolve()
        }
        if (walk.texts.length >= KEYS.length * ROUNDS) resolve()
      }
      walk.begin('shardId-000000000000', onRecord)
      walk.begin('shardId-000000000001', onRecord)
    })
    for (let round = 0; round < ROUNDS; round++) {
      // The cut is to meet open shards that are being read.
      if (round === 4) await cut.promise
      if (round === 8) await writer.splitShard({ StreamName, ShardToSplit: '0', NewStartingHashKey: String(HALF / 2n) })
      if (round === 20) await writer.mergeShards({ StreamName, ShardToMerge: '3', AdjacentShardToMerge: '1' })
      await writer.putRecords({
        StreamName,
        Records: KEYS.map((key) => ({ PartitionKey: key, Data: Buffer.from(`${key} ${round}`) })),
      })
    }
    await isWhole
    stop.abort(new Error('enough'))
    await expect(walk.end()).rejects.toThrow('enough')
    for (const key of KEYS) {
      const ofKey = walk.texts.filter((text) => text.startsWith(`${key} `))
      expect(ofKey).toEqual(Array.from({ length: ROUNDS }, (_, round) => `${key} ${round}`))
    }
    if (kind === 'fan-out') expect(walk.troubles).toBeGreaterThan(0)
    expect(walk.texts).toHaveLength(KEYS.length * ROUNDS)
  })
})
