/**
 * One worker as a process: says on stdout what it takes, processes and has checkpointed, a line each, in the order in which it
 * happens. `consuming-worker.ts ENDPOINT STREAM APPLICATION polling|fan-out NAME STORE`
 */
import { writeSync } from 'node:fs'
import { KinesisClient } from '@millrace/client'
import { fanOut, polling, Worker } from '@millrace/consumer'
import { openStore } from './open-store.ts'

const [endpoint = '', stream = '', application = '', how, workerId, address = 'service'] = process.argv.slice(2)
const client = new KinesisClient({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  httpVersion: '2',
})
const pause = new Int32Array(new SharedArrayBuffer(4))
/** Said before the next line of this program runs, whatever becomes of it: a pipe that is full is waited for. */
function say(...words: readonly string[]): void {
  let rest = Buffer.from(`${words.join(' ')}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}
const leases = openStore(address, application, client)
const worker = new Worker({
  client,
  application,
  stream,
  leases: leases.store,
  retrieval: how === 'fan-out' ? fanOut() : polling(),
  shardSyncMs: 5_000,
  finishMs: 5_000,
  ...(workerId === undefined ? {} : { workerId }),
})
const running = worker.run(
  ({ shardId }) => ({
    initialize: ({ checkpoint }) => say('took', shardId, checkpoint.sequenceNumber),
    async processRecords({ records, checkpointer }) {
      for (const { sequenceNumber, data } of records)
        say('did', shardId, sequenceNumber, String(process.hrtime.bigint()), Buffer.from(data).toString().trimEnd())
      await checkpointer.checkpoint()
      say('kept', shardId, records.at(-1)?.sequenceNumber ?? '')
    },
    leaseLost: () => say('lost', shardId),
  }),
  { stopOn: ['SIGTERM'] },
)
say('ready')
await running
await leases.close()
await client.close()
