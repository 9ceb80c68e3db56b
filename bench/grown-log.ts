/** A log of some GiB, by large puts. */
import { text } from './loads.ts'
import { load } from './raw-client.ts'
import { signedRequest } from './requests.ts'

const RECORDS = 500
const RECORD_BYTES = 18 * 1024
/** A signature is good for five minutes. */
const DURATION_MS_MAX = 280_000

export async function growLog(port: number, StreamName: string, gib: number): Promise<void> {
  const Records = Array.from({ length: RECORDS }, (_, i) => ({ PartitionKey: `key-${i}`, Data: text(RECORD_BYTES, i) }))
  const request = signedRequest(port, 'PutRecords', { StreamName, Records })
  const requestsMax = Math.ceil((gib * 2 ** 30) / (RECORDS * RECORD_BYTES))
  await load({ port, connections: 2, durationMs: DURATION_MS_MAX, requestsMax, request: () => request })
}
