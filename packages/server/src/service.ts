/**
 * The service: every operation, over whatever engine is handed in. It has no socket and no global state; two of them
 * in front of one engine serve the same streams.
 */
import type { Clock, Logger, Random } from '@millrace/std'

import type { Engine } from './engine/engine.ts'
import type { OperationContext } from './operations/operation.ts'
import type { ServiceMetrics } from './telemetry/service-metrics.ts'

/** Limits of the data plane of one shard. Units per second; a burst of one second is allowed. */
export interface ShardLimits {
  /** Default 1 MiB. */
  readonly writeBytes: number
  /** Default 1,000. */
  readonly writeRecords: number
  /** Default 2 MiB, shared by all who call GetRecords. */
  readonly readBytes: number
  /** GetRecords calls. Default 5. */
  readonly reads: number
}

export interface ServiceSettings {
  /** Default `aws`. `off`: shards take what the engine takes. */
  readonly shardLimits?: 'aws' | 'off' | Partial<ShardLimits>
  /** Account quotas, per account and region. */
  readonly quotas?: { /** Open shards. Default 20,000. */ readonly shards?: number }
  /** How long CREATING, UPDATING and DELETING are shown, ms. Default 0: done and durable when the call answers. */
  readonly statusDelayMs?: number
}

export interface ServiceOptions {
  /** Not closed by the service: whoever opened it closes it afterwards. */
  readonly engine: Engine
  readonly clock: Clock
  readonly random: Random
  /** Default: silent. */
  readonly logger?: Logger
  /** Default: silent. */
  readonly metrics?: ServiceMetrics
  readonly options?: ServiceSettings
}

export class Service implements AsyncDisposable {
  static async open(_options: ServiceOptions): Promise<Service> {
    return new Service()
  }

  /** Runs one operation. Input and output have the protocol's shapes. Rejects with `KinesisError`. */
  async execute(operationName: string, _input: unknown, _context: OperationContext): Promise<unknown> {
    throw new Error(`${operationName} is not served yet`)
  }

  /** Stops the background loops and waits for what they are in. Twice is fine. */
  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
