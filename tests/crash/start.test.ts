/**
 * What a start of the built command loads: files cost more than anything else in it, so that they are counted here
 * (docs/decisions/139-code-in-few-files.md). Node itself tells which: they are in its coverage.
 */
import { KinesisClient } from '@millrace/client'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { repositoryRoot } from './support/command.ts'
import { ServerProcess } from './support/server-process.ts'

/** 67 when this was written; 570 before. */
const FILES_MAX = 80
/** Two of these are more than what is decoded on the main thread. */
const LARGE_BYTES = 700_000

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-start-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('a start of the built command', () => {
  it('loads few files, and none for what was not asked for', async () => {
    const files = await filesLoaded(async ({ endpoint }) => {
      await clientOf(endpoint).listStreams({})
    })
    expect(files).toContain('packages/cli/dist/main.js')
    expect(files.length).toBeLessThanOrEqual(FILES_MAX)
    const unwanted =
      /node_modules\/(yaml|@opentelemetry)\/|packages\/(client|consumer)\/|memory-engine|test-kit|body-worker/
    expect(files.filter((file) => unwanted.test(file))).toEqual([])
  })

  it('has the thread for large bodies beside it', async () => {
    const files = await filesLoaded(async ({ endpoint }) => {
      const client = clientOf(endpoint)
      const large = { PartitionKey: 'a', Data: Buffer.alloc(LARGE_BYTES) }
      await client.createStream({ StreamName: 'large', ShardCount: 1 })
      await client.putRecords({ StreamName: 'large', Records: [large, large] })
    })
    expect(files).toContain('packages/server/dist/body-worker-thread.js')
  })
})

function clientOf(endpoint: string): KinesisClient {
  return new KinesisClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 's' } })
}

/** From its start to its end, all threads; paths in the repository. */
async function filesLoaded(use: (server: ServerProcess) => Promise<void>): Promise<readonly string[]> {
  const coverage = join(folder, 'coverage')
  const server = await ServerProcess.start(join(folder, 'data'), [], { NODE_V8_COVERAGE: coverage })
  try {
    await use(server)
  } finally {
    await server.kill('SIGTERM')
  }
  const files = new Set<string>()
  for (const name of await readdir(coverage)) {
    const { result } = JSON.parse(await readFile(join(coverage, name), 'utf8')) as { result: { url: string }[] }
    for (const { url } of result) if (url.startsWith('file:')) files.add(relative(repositoryRoot, fileURLToPath(url)))
  }
  return [...files]
}
