/** What looks after applications whose leases the service keeps, against a service. */
import { KinesisClient } from '@millrace/client'
import { ServiceApplications, ServiceLeaseStore } from '@millrace/consumer'
import { startServer } from '@millrace/server'
import { afterAll, beforeAll } from 'vitest'
import { leaseAdministrationContract } from '../../packages/consumer/src/leases/lease-administration.contract.ts'

let server: Awaited<ReturnType<typeof startServer>>
let client: KinesisClient
let applications = 0

beforeAll(async () => {
  server = await startServer({ port: 0, dataDir: ':memory:' })
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
})
afterAll(async () => {
  await client.close()
  await server.close()
})

leaseAdministrationContract('the service', async () => {
  const name = `application-${applications++}`
  return { name, administration: new ServiceApplications(client), store: new ServiceLeaseStore({ client, application: name }) } // prettier-ignore
})
