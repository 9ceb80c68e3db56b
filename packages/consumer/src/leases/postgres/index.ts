/** Leases in PostgreSQL. Needs `pg`, or another pool of this shape. */
export { PostgresApplications, type PostgresApplicationsOptions } from './postgres-applications.ts'
export { PostgresLeaseStore, type PostgresLeaseStoreOptions } from './postgres-lease-store.ts'
export type { PostgresConnection, PostgresPool } from './pool.ts'
