/**
 * What the consumer needs of the service: a KinesisClient has it, and the simulated fleet's stream too. Calls reject as a
 * client's do: `KinesisServiceError`, `KinesisTransportError`, `CredentialsError`.
 */
import type { KinesisClient } from '@millrace/client'
import type { Clock } from '@millrace/std'

export type StreamService = Pick<
  KinesisClient,
  | 'getRecords'
  | 'getShardIterator'
  | 'listShards'
  | 'describeStreamSummary'
  | 'describeStreamConsumer'
  | 'registerStreamConsumer'
  | 'subscribeToShard'
> &
  /**
   * `endpoint` tells AWS, where a shard's readers share its limits with other applications; default: elsewhere. `region` is what the ARNs of
   * its streams are of; default: any. `serviceTimeMs` is the time by which LATEST is meant; default: the worker's clock.
   */
  Partial<Pick<KinesisClient, 'endpoint' | 'region' | 'serviceTimeMs'>>

/** Of the clock that stamps records, as far as it is known; ms since the epoch. */
export function timeOf(service: Pick<StreamService, 'serviceTimeMs'>, clock: Clock): number {
  return service.serviceTimeMs?.() ?? clock.now()
}
