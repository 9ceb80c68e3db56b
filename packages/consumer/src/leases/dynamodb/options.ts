/** What a lease table in DynamoDB can be told. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Clock } from '@millrace/std'
import type { StreamService } from '../../service.ts'

/**
 * Which workers of a KCL share the table. `3.x`: KCL 3 as it is after its migration; it gives a lease over when asked.
 * `2.x`: KCL 2, or KCL 3 while it is `CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X`; leases are taken from it as its own
 * workers take them from each other. `none`: none ever again; leases are not counted up, and idle ones cost nothing.
 */
export type KclMode = '3.x' | '2.x' | 'none'

export interface DynamoLeaseStoreOptions {
  /** It is not destroyed with the store. */
  readonly client: DynamoDBClient
  /** The KCL's: the name of its application. Made, paid by request, where it is missing. */
  readonly table: string
  /**
   * `account`: an application of any number of streams, and what a KCL of several streams has; those that the worker names by
   * their names are of this account. `stream`, its name or ARN, whichever the worker has: what a KCL of one stream has; `service` (a `KinesisClient`) is asked once
   * when the stream was made.
   */
  readonly keys: { readonly account: string } | { readonly stream: string; readonly service: StreamService }
  /** Default: `3.x`. */
  readonly kcl?: KclMode | undefined
  /** The KCL's `failoverTimeMillis`: its leases that stand still for so long are taken. Default: 10,000. */
  readonly kclFailoverMs?: number | undefined
  /** What a KCL's worker has beside ours: 1 is the share of an ordinary one, 0 takes everything over. Default: 1. */
  readonly kclCapacity?: number | undefined
  /** Where our workers are seen by each other; made where it is missing. Default: `<table>-MillraceWorkers`. */
  readonly workersTable?: string | undefined
  readonly clock?: Clock | undefined
}
