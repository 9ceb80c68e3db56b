/** A whole program for a test: one call, and no `close`. Arguments: endpoint, HTTP version, certificate. */
import { KinesisClient } from '../client.ts'
import type { HttpVersion } from '../transport/open-transport.ts'
import { testCredentials } from './fake-endpoint.ts'

const [endpoint = '', httpVersion, ca = ''] = process.argv.slice(2)
const client = new KinesisClient({
  endpoint,
  region: 'us-east-1',
  credentials: testCredentials,
  httpVersion: httpVersion as HttpVersion,
  ca,
})
await client.listShards({ StreamName: 'orders' })
process.stdout.write('answered\n')
