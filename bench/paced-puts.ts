/** Puts at an even pace, whether or not the ones before were answered; each record carries its number, which leads to when it was due. */
import { openLoop, type Pace } from './open-loop.ts'
import { signedRequest } from './requests.ts'

const RECORD_BYTES = 100

export interface PacedPuts {
  readonly count: number
  /** Milliseconds since each of the records of an answer was due. */
  readonly agesOf: (records: readonly { readonly Data: string }[]) => number[]
  /** Resolves when the last one was answered, with how long each took. */
  readonly put: () => Promise<readonly number[]>
}

/** Requests are signed here, before the clock starts. */
export function pacedPuts(port: number, StreamName: string, pace: Pace): PacedPuts {
  const count = Math.max(1, Math.floor((pace.perSecond * pace.durationMs) / 1000))
  const dueMs = new Float64Array(count)
  const requests = Array.from({ length: count }, (_, i) => {
    const Data = Buffer.from(`${i} `.padEnd(RECORD_BYTES, 'x')).toString('base64')
    return signedRequest(port, 'PutRecord', { StreamName, PartitionKey: `k${i}`, Data })
  })
  return {
    count,
    agesOf: (records) => {
      const now = performance.now()
      return records.map(
        ({ Data }) => now - (dueMs[Number.parseInt(Buffer.from(Data, 'base64').toString(), 10)] ?? NaN),
      )
    },
    put: async () => {
      const request = (i: number): Uint8Array => requests[i] ?? new Uint8Array()
      const due = (i: number, atMs: number): void => void (dueMs[i] = atMs)
      return (await openLoop({ ...pace, port, request, due, connections: 16 })).latenciesMs
    },
  }
}
