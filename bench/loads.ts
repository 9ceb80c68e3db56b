/** What the put rows send: requests prepared and signed before the clock starts. */
import { call, signedRequest } from './requests.ts'

/** The requests of a load for one port: each call gives the next one's bytes. */
export type RequestsFor = (port: number) => (connection: number) => Uint8Array

const SHARDS = 16
/** Prepared requests per connection: partition keys differ, so that shards are met at random. */
const VARIANTS = 8

export const text = (bytes: number, seed: number): string =>
  Buffer.alloc(bytes, `${seed}-the quick brown fox jumps over the lazy dog-`).toString('base64')

export async function createBenchStream(port: number): Promise<void> {
  await call(port, 'CreateStream', { StreamName: 'bench', ShardCount: SHARDS })
}

export const singlePuts: RequestsFor = variants(64, (seed) => ({
  operation: 'PutRecord',
  input: { StreamName: 'bench', PartitionKey: `key-${seed}`, Data: text(100, seed) },
}))

export function batchedPuts(bytes: number): RequestsFor {
  return variants(8, (seed) => ({
    operation: 'PutRecords',
    input: {
      StreamName: 'bench',
      Records: Array.from({ length: 500 }, (_, i) => ({
        PartitionKey: `key-${seed}-${i}`,
        Data: text(bytes, seed * 500 + i),
      })),
    },
  }))
}

function variants(
  connections: number,
  make: (seed: number) => { readonly operation: string; readonly input: object },
): RequestsFor {
  return (port) => {
    const made = Array.from({ length: Math.min(64, connections * VARIANTS) }, (_, seed) => {
      const { operation, input } = make(seed)
      return signedRequest(port, operation, input)
    })
    let next = 0
    return () => made[next++ % made.length] ?? new Uint8Array()
  }
}
