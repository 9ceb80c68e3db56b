/** `@millrace/server/testing`: a server for tests, whose time, faults and state they hold in their hands. */
export type { Fault, FaultKind, RecordErrorCode } from './fault.ts'
export type { AddedFault, Faults } from './fault-list.ts'
export { startTestServer, type TestServer, type TestServerOptions } from './start-test-server.ts'
export type { TestClock, TestKit, TestKitOptions } from './test-kit.ts'
export { TestKitError } from './test-kit-error.ts'
