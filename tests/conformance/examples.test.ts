/**
 * Every example runs as it stands, as a process of its own, and so do the README's ten lines of a consumer. (The example of
 * testing your application is a test by itself.)
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { KinesisClient } from '@millrace/client'
import { type Lease, ServiceApplications } from '@millrace/consumer'
import { startServer } from '@millrace/server'
import { describe, expect, it } from 'vitest'
import { onEveryEngine, onOwnServer } from './support/service.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const log = join(root, 'examples', 'word-count', 'dpkg.log')

const start = (example: string, env: Readonly<Record<string, string>>, ...args: readonly string[]) =>
  startNode([join(root, 'examples', example, 'main.mjs'), ...args], env)

function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...env },
  })
  child.stdin.end()
  return child
}

async function finished(
  child: ChildProcessWithoutNullStreams,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'exit') as Promise<[number]>,
  ])
  return { code, stdout: stdout.join(''), stderr: stderr.join('') }
}

/** A service of its own, and what is to be seen there of an application. */
async function serving(): Promise<{
  readonly endpoint: string
  readonly client: KinesisClient
  leasesOf(application: string): Promise<readonly Lease[]>
  [Symbol.asyncDispose](): Promise<void>
}> {
  const server = await startServer({ port: 0, dataDir: ':memory:' })
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new KinesisClient({ endpoint: server.endpoint, region: 'us-east-1', credentials })
  const applications = new ServiceApplications(client)
  return {
    endpoint: server.endpoint,
    client,
    leasesOf: (application) => applications.leases(application, AbortSignal.timeout(10_000)),
    async [Symbol.asyncDispose]() {
      await client.close()
      await server.close()
    },
  }
}

describe('examples', () => {
  onEveryEngine((service) => {
    it('write-and-read writes and reads', async ({ skip }) => {
      skip(service.livesOn, 'runs an example that leaves its stream behind, and waits for nothing')
      const run = await finished(start('write-and-read', { MILLRACE_ENDPOINT: service.endpoint }))
      expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining('order of ada') as string })
    })
  })

  onOwnServer('of the consumer library', () => {
    it('the ten lines of the README and the guide are a worker that runs and stops', async () => {
      const readme = await readFile(join(root, 'README.md'), 'utf8')
      const [, lines = ''] = /## Consume a stream\n\n```js\n(.+?)```/s.exec(readme) ?? []
      expect(await readFile(join(root, 'docs', 'guide', 'consumer.md'), 'utf8')).toContain(lines)
      expect(lines.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(10)
      await using service = await serving()
      await service.client.createStream({ StreamName: 'orders', ShardCount: 1 })
      await service.client.putRecord({ StreamName: 'orders', PartitionKey: 'ada', Data: Buffer.from('tea') })
      const child = startNode([
        '--input-type=module',
        '--eval',
        lines.replace('http://localhost:4567', service.endpoint),
      ])
      child.stdout.once('data', () => child.kill('SIGTERM'))
      expect(await finished(child)).toEqual({ code: 0, stdout: 'ada tea\n', stderr: '' })
      expect(await service.leasesOf('billing')).toMatchObject([
        { owner: undefined, checkpoint: { sequenceNumber: expect.stringMatching(/^\d+$/) as string } },
      ])
    })

    it('word-count counts every line once, stopped and begun again, and over another time', async () => {
      const counts = await mkdtemp(join(tmpdir(), 'millrace-word-count-'))
      try {
        await using service = await serving()
        const env = { MILLRACE_ENDPOINT: service.endpoint, COUNTS: counts }
        const first = start('word-count', env, log)
        // As soon as a shard's lines are counted.
        first.stderr.on('data', (text: string) => text.includes('counted') && !first.killed && first.kill('SIGTERM'))
        const stopped = await finished(first)
        expect(stopped.code).toBe(0)
        expect((await service.leasesOf('word-count')).map(({ owner }) => owner)).toEqual(Array.from({ length: 4 }))
        const second = await finished(start('word-count', env))
        const third = await finished(start('word-count', { ...env, APPLICATION: 'over-again', STREAM: 'log-lines' }))

        const linesOf = ({ stderr }: { readonly stderr: string }): number[] =>
          [...stderr.matchAll(/: (\d+) lines counted/g)].map(([, lines]) => Number(lines))
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
        expect(sum([...linesOf(stopped), ...linesOf(second)])).toBe(300)
        expect(new Set(linesOf(third))).toEqual(new Set([0]))
        const times = (await readFile(log, 'utf8')).split(/\bstatus\b/).length - 1
        for (const { code, stdout } of [second, third])
          expect({ code, times: Number(/status\D+(\d+)/.exec(stdout)?.[1]) }).toEqual({ code: 0, times })
      } finally {
        await rm(counts, { recursive: true, force: true })
      }
    })

    it('container stops on SIGTERM, leaves its leases to others, and goes on where it stood', async () => {
      await using service = await serving()
      await service.client.createStream({ StreamName: 'orders', ShardCount: 2 })
      const put = (text: string): Promise<unknown> =>
        service.client.putRecord({ StreamName: 'orders', PartitionKey: text, Data: Buffer.from(text) })
      const env = { MILLRACE_ENDPOINT: service.endpoint, METRICS_PORT: '0' }

      /** What it says until it is stopped, with so many records; `look` is called before. */
      async function run(records: number, look?: (port: unknown) => Promise<void>): Promise<string[]> {
        const child = start('container', env)
        const ended = finished(child)
        const texts: string[] = []
        let port: unknown
        for await (const line of createInterface({ input: child.stdout })) {
          const { event, text, metricsPort } = JSON.parse(line) as Record<string, unknown>
          if (event === 'started') port = metricsPort
          if (event !== 'record') continue
          if (texts.push(String(text)) !== records) continue
          await look?.(port)
          child.kill('SIGTERM')
        }
        const { code, stdout, stderr } = await ended
        expect({ code, stderr, last: stdout.trim().split('\n').at(-1) }).toMatchObject({
          code: 0,
          stderr: '',
          last: expect.stringContaining('"stopped"') as string,
        })
        return texts.sort()
      }

      for (const text of ['cake', 'milk', 'tea']) await put(text)
      const first = await run(3, async (port) => {
        const page = await fetch(`http://localhost:${port}/metrics`)
        expect(await page.text()).toContain('millrace_consumer_current_leases')
      })
      expect(first).toEqual(['cake', 'milk', 'tea'])
      const leases = await service.leasesOf('billing')
      expect(leases.map(({ owner }) => owner)).toEqual([undefined, undefined])
      await put('water')
      expect(await run(1)).toEqual(['water'])
    })
  })
})
