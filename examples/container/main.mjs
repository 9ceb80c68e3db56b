/**
 * A consumer as it runs in a container: one process, one line of JSON for whatever happens, metrics for Prometheus at /metrics, and an
 * end on SIGTERM with what is in hand finished and the leases free for others at once. `Dockerfile` beside it builds the image; without
 * one: `npm start`, `npx millrace stream create orders`, `node examples/container/main.mjs`, and put something.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { KinesisClient } from '@millrace/client'
import { PrometheusMetrics, ServiceLeaseStore, Worker } from '@millrace/consumer'

const { MILLRACE_ENDPOINT: endpoint = 'http://localhost:4567', AWS_REGION: region = 'us-east-1' } = process.env
const { AWS_ACCESS_KEY_ID: accessKeyId = 'any', AWS_SECRET_ACCESS_KEY: secretAccessKey = 'any' } = process.env
const { STREAM: stream = 'orders', APPLICATION: application = 'billing', METRICS_PORT: port = '9464' } = process.env
/** `docker stop` kills after 10 s, Kubernetes after 30 s. */
const DRAIN_MS = 8_000

const log = (event, fields) => console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }))
/** What is worth a line; the rest is in the metrics. */
const told = {
  'shard-taken': ({ shardId }) => ({ shardId }),
  'shard-left': ({ shardId, result }) => ({ shardId, outcome: result.outcome }),
  failure: ({ shardId, next, error }) => ({ shardId, next, error: String(error) }),
  'read-failure': ({ shardId, error }) => ({ shardId, error: String(error) }),
  'leave-failure': ({ error }) => ({ error: String(error) }),
}

const client = new KinesisClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } })
const metrics = new PrometheusMetrics()
const worker = new Worker({
  client,
  application,
  stream,
  leases: new ServiceLeaseStore({ client, application }),
  metrics: { sink: metrics },
  onEvent: (event) => told[event.kind] && log(event.kind, told[event.kind](event)),
})

const page = createServer((_, response) => response.setHeader('content-type', metrics.contentType).end(metrics.text()))
await once(page.listen(Number(port)), 'listening')
log('started', { application, stream, worker: worker.id, metricsPort: page.address().port })
for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => {
    log('stopping', { signal })
    void worker.stop({ drainMs: DRAIN_MS })
  })

await worker.each(
  ({ partitionKey, data }, { shardId }) => log('record', { shardId, partitionKey, text: Buffer.from(data).toString() }),
  { checkpoint: { everyMs: 1_000 } },
)
page.close()
page.closeAllConnections()
await client.close()
log('stopped')
