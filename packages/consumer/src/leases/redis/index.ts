/** Leases in Redis or Valkey. Needs `redis`, `ioredis`, or another client. */
export { RedisApplications, type RedisApplicationsOptions } from './redis-applications.ts'
export type { IoRedisClient, IoRedisSubscriber, NodeRedisClient, NodeRedisSubscriber, RedisClient, RedisSender } from './redis-client.ts' // prettier-ignore
export type { RedisReplicas } from './redis-connection.ts'
export { RedisLeaseStore, type RedisLeaseStoreOptions } from './redis-lease-store.ts'
