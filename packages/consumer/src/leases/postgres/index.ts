/** Leases in PostgreSQL. Needs `pg`, or another pool of this shape. */
export { PostgresLeaseStore, type PostgresLeaseStoreOptions } from './postgres-lease-store.ts'
export type { PostgresConnection, PostgresPool } from './pool.ts'
