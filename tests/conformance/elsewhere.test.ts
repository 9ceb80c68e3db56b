/**
 * The suite against a service that runs elsewhere, as `npm run conformance -- --endpoint` starts it: three files of it,
 * and a service like AWS's that takes its time for changes and verifies signatures.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ListStreamsCommand } from '@aws-sdk/client-kinesis'
import { startServer } from '@millrace/server'
import { expect, it } from 'vitest'
import { sdkClient } from './support/sdk-client.ts'
import { onOwnServer } from './support/service.ts'

const script = fileURLToPath(new URL('../../scripts/conformance.mjs', import.meta.url))
const FILES = ['deregister-stream-consumer', 'delete-channel', 'describe-limits']

async function conformance(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  // What is said to a test of this run is not said to the run that is begun here.
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|AWS_|MILLRACE_)/.test(name))
  const child = spawn(process.execPath, [script, ...args], { env: { ...Object.fromEntries(own), ...env } })
  child.stdin.end()
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close') as Promise<[number]>,
  ])
  return { code, text: [...stdout, ...stderr].join('') }
}

onOwnServer('the suite elsewhere', () => {
  it('waits for what is not done at once, signs, and leaves nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-elsewhere-'))
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'sesame' }
    const credentials = join(folder, 'credentials.yaml')
    await writeFile(credentials, `accessKeys:\n  - ${JSON.stringify({ ...keys, account: '111122223333' })}\n`)
    const options = { shardLimits: 'off', auth: 'keys', credentials, statusDelayMs: 100 } as const
    const server = await startServer({ port: 0, dataDir: ':memory:', ...options })
    const sdk = sdkClient(server.endpoint, keys)
    try {
      const env = { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }
      const { code, text } = await conformance(env, '--endpoint', server.endpoint, '--credentials', 'env', ...FILES)
      for (const row of [
        / 2 +0 +deregister-stream-consumer\n/,
        / 1 +0 +delete-channel\n/,
        / 1 +0 +1 +describe-limits\n/,
      ])
        expect(text).toMatch(row)
      expect(text).toContain('Not applied (1): counts what is in the account, which others share\n  describe-limits: ')
      expect(code).toBe(0)
      expect((await sdk.send(new ListStreamsCommand({}))).StreamNames).toEqual([])
    } finally {
      sdk.destroy()
      await server.close()
      await rm(folder, { recursive: true })
    }
  })

  it.each([
    [['--endpoint', 'localhost:4567'], "--endpoint: expected http://host:port without a path, found 'localhost:4567'"],
    [['--region', 'eu-central-1'], '--region: wants an --endpoint'],
    [['--endpoint', 'http://h:1', '--credentials', 'env'], '--credentials env: AWS_ACCESS_KEY_ID is not set'],
    [['--credential', 'env'], "Unknown option '--credential'"],
  ])('refuses %j, and shows its help', async (args, message) => {
    const { code, text } = await conformance({}, ...args)
    expect([code, text]).toEqual([2, expect.stringContaining(message)])
    expect(text).toContain('Usage: npm run conformance')
  })
})
