/** What the rows send: requests prepared and signed before the clock starts. */
import { call, signedRequest } from './requests.ts'
import { untilActive } from './rivals.ts'

/** The requests of a load for one port: each call gives the next one's bytes. */
export type RequestsFor = (port: number) => (connection: number) => Uint8Array

const SHARDS = 16
/** Prepared requests: partition keys differ, so that shards are met at random. */
const VARIANTS = 64
/** Of more, some wait longer than a request may: changes of one account compete. */
const CALLS_AT_ONCE = 4

export const text = (bytes: number, seed: number): string =>
  Buffer.alloc(bytes, `${seed}-the quick brown fox jumps over the lazy dog-`).toString('base64')

/** Of ours or a rival's. */
export async function createBenchStream(port: number): Promise<void> {
  await call(port, 'CreateStream', { StreamName: 'bench', ShardCount: SHARDS })
  await untilActive(port, 'bench')
}

export const singlePuts: RequestsFor = variants(VARIANTS, (seed) => ({
  operation: 'PutRecord',
  input: { StreamName: 'bench', PartitionKey: `key-${seed}`, Data: text(100, seed) },
}))

export function batchedPuts(bytes: number, StreamName = 'bench'): RequestsFor {
  return variants(VARIANTS, (seed) => ({
    operation: 'PutRecords',
    input: {
      StreamName,
      Records: Array.from({ length: 500 }, (_, i) => ({
        PartitionKey: `key-${seed}-${i}`,
        Data: text(bytes, seed * 500 + i),
      })),
    },
  }))
}

/** `count` different requests, again and again. */
export function variants(
  count: number,
  make: (seed: number) => { readonly operation: string; readonly input: object },
): RequestsFor {
  return (port) => {
    const made = Array.from({ length: count }, (_, seed) => {
      const { operation, input } = make(seed)
      return signedRequest(port, operation, input)
    })
    let next = 0
    return () => made[next++ % made.length] ?? new Uint8Array()
  }
}

/** `count` calls, some of them at once. */
export async function createMany(count: number, one: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, worker))
}
