/** A server in a process of its own, in memory, without limits; prints its port and serves until it is killed. */
import { startServer } from '@millrace/server'

const server = await startServer({ port: 0, dataDir: ':memory:', shardLimits: 'off' })
process.stdout.write(`${server.port}\n`)
