/** A server for one test file: in memory, at a port of its own, with its kit. */
import { IN_MEMORY, type RunningServer, type ServerOptions, startServer } from '../server.ts'
import type { TestKit, TestKitOptions } from './test-kit.ts'

export interface TestServerOptions extends Omit<ServerOptions, 'dataDir' | 'testKit'>, TestKitOptions {}

export interface TestServer extends TestKit, Pick<RunningServer, 'endpoint' | 'port' | 'createdKey'>, AsyncDisposable {
  /** Twice is fine. */
  close(): Promise<void>
}

/**
 * Starts a server with a test kit. The options are the server's (`port` is 0 unless said otherwise) and the kit's.
 * Rejects as `startServer` does.
 *
 *     await using kit = await startTestServer({ createStreams: [{ name: 'orders', shards: 2 }] })
 *     const kinesis = new KinesisClient({ endpoint: kit.endpoint, … })
 *     kit.faults.add({ operation: 'PutRecord', kind: 'throttle', times: 2 })
 *     await kit.clock.advance('24h')
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { seed, http, faults, ...server } = options
  const testKit = {
    ...(seed === undefined ? {} : { seed }),
    ...(http === undefined ? {} : { http }),
    ...(faults === undefined ? {} : { faults }),
  }
  const running = await startServer({ port: 0, ...server, dataDir: IN_MEMORY, testKit })
  const kit = running.testKit as TestKit
  return {
    endpoint: running.endpoint,
    port: running.port,
    createdKey: running.createdKey,
    seed: kit.seed,
    clock: kit.clock,
    faults: kit.faults,
    reset: () => kit.reset(),
    close: () => running.close(),
    [Symbol.asyncDispose]: () => running.close(),
  }
}
