/** Numbers of the lease API; at each of them the refusal is a LimitExceededException or a ValidationException. */

/** Leases of one CreateLeases, UpdateLeases or RemoveLeases. */
export const LEASES_PER_CALL_MAX = 100
/** Leases of one application: as many as an account may have shards. */
export const LEASES_PER_APPLICATION_MAX = 20_000
/** Applications of one account and region. */
export const APPLICATIONS_PER_ACCOUNT_MAX = 200
/** Bytes of all leases of one account and region as they are stored, some 400 a lease without pending state: they are kept in memory. */
export const LEASE_BYTES_PER_ACCOUNT_MAX = 64 * 1024 * 1024
/** Live workers of one application. */
export const WORKERS_PER_APPLICATION_MAX = 1_000
/** Bytes of what a processor wants to be told after the first phase of a checkpoint. */
export const PENDING_STATE_BYTES_MAX = 8 * 1024
/** How long a session may be asked to last after a beat, in ms. */
export const SESSION_TTL_MIN_MS = 500
export const SESSION_TTL_MAX_MS = 300_000
/** How long a beat may ask to wait for news, in ms: shorter than requests are drained when the server stops. */
export const BEAT_WAIT_MAX_MS = 5_000
/** Leases of one answer of DescribeApplication, when not asked and at most. */
export const DESCRIBE_APPLICATION_PAGE_MAX = 1_000
/** Applications of one answer of ListApplications, when not asked and at most. */
export const LIST_APPLICATIONS_PAGE_MAX = 100
