/** Leases in DynamoDB. Needs `@aws-sdk/client-dynamodb`. */
export { DynamoApplications, type DynamoApplicationsOptions } from './dynamo-applications.ts'
export { DynamoLeaseStore } from './dynamo-lease-store.ts'
export type { DynamoLeaseStoreOptions, KclMode } from './options.ts'
