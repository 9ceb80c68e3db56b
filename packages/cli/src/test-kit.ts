/** `import { startTestServer } from 'millrace/testing'`: for those who installed the command. */
export {
  type AddedFault,
  type Fault,
  startTestServer,
  type TestClock,
  TestKitError,
  type TestServer,
  type TestServerOptions,
} from '@millrace/server/testing'
