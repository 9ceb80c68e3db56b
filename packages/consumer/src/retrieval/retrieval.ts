/** The two ways of reading, as a worker is told which: `retrieval: polling()` or `retrieval: fanOut()`. */
import { type Logger, silentLogger } from '@millrace/std'
import type { StreamService } from '../service.ts'
import { ConsumerRegistrations } from './consumer-registrations.ts'
import { FanOutReader } from './fan-out-reader.ts'
import { checkedPolling, type PollingOptions, PollingReader } from './polling-reader.ts'
import type { ReaderContext } from './reader-context.ts'
import type { Retrieval } from './shard-reader.ts'
import type { WatchdogLimits } from './watchdog.ts'

/** What a worker hands in. */
export interface RetrievalContext extends Pick<ReaderContext, 'service' | 'clock' | 'random'> {
  /** The application's name. */
  readonly application: string
  /** Default: silent. */
  readonly logger?: Logger
  /** For metrics: told of each change of a reader's condition. Default: nobody is. */
  readonly onCondition?: ReaderContext['onCondition']
  /** For metrics: told of each call that asks. Default: nobody is. */
  readonly onCall?: ReaderContext['onCall']
}

export type OpenRetrieval = (context: RetrievalContext) => Retrieval

/** Reads by GetRecords, within the limits that a shard's readers share. Throws a RangeError for options that make no pace. */
export function polling(options: PollingOptions = {}): OpenRetrieval {
  const checked = checkedPolling(options)
  return (context) => ({
    open: (shard) => new PollingReader(shard, readerContext(context), checked),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

export interface FanOutOptions {
  /** Of the registered consumer: made on each stream that has none of this name, and left there. Default: the application's name. */
  readonly consumerName?: string
  /** Defaults: 10 s without a record or heartbeat, 60 s for a batch, 60 s without demand. */
  readonly watchdog?: Partial<WatchdogLimits>
}

/**
 * Reads by SubscribeToShard: a rate of its own for each application and shard, and records within some 70 ms. Over
 * HTTP/1.1 each shard takes a connection for as long as it is read, beside the client's `maxSockets`; over HTTP/2 they share.
 */
export function fanOut({ consumerName, watchdog = {} }: FanOutOptions = {}): OpenRetrieval {
  return (context) => {
    const registrations = new ConsumerRegistrations({ ...context, name: consumerName ?? context.application })
    return {
      open: (shard) => new FanOutReader(shard, readerContext(context), { registrations, watchdog }),
      [Symbol.asyncDispose]: () => {
        registrations[Symbol.dispose]()
        return Promise.resolve()
      },
    }
  }
}

function readerContext({ service, clock, random, logger, onCondition, onCall }: RetrievalContext): ReaderContext {
  return {
    service,
    clock,
    random,
    logger: logger ?? silentLogger,
    isAws: isAws(service),
    onCondition: onCondition ?? (() => undefined),
    onCall: onCall ?? (() => undefined),
  }
}

function isAws({ endpoint }: StreamService): boolean {
  return endpoint !== undefined && /\.amazonaws\.(?:com|com\.cn|eu)$|\.api\.aws$/.test(endpoint.hostname)
}
