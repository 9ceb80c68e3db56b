/** DynamoDB's protocol over memory. In a thread of its own, since it cannot be loaded under the conditions of our sources. */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

export interface Dynalite {
  readonly endpoint: string
  stop(): Promise<unknown>
}

export async function startDynalite(): Promise<Dynalite> {
  const require = createRequire(import.meta.url)
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const server = require(workerData)({ createTableMs: 0 })
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`,
    { eval: true, execArgv: [], workerData: require.resolve('dynalite') },
  )
  const [port] = (await once(worker, 'message')) as [number]
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => worker.terminate() }
}
