/**
 * What the consumer needs of the service: a KinesisClient has it, and the simulated fleet's stream too. Calls reject as a
 * client's do: `KinesisServiceError`, `KinesisTransportError`, `CredentialsError`.
 */
import type { KinesisClient } from '@millrace/client'

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
  /** Tells AWS, where a shard's readers share its limits with other applications. Default: elsewhere. */
  Partial<Pick<KinesisClient, 'endpoint'>>
