import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { type FakeEndpoint, fakeEndpoint } from './testing/fake-endpoint.ts'
import { localhostCertificate } from './testing/localhost-certificate.ts'

let endpoint: FakeEndpoint | undefined
let child: ChildProcess | undefined

afterEach(async () => {
  child?.kill()
  await endpoint?.close()
})

const program = fileURLToPath(new URL('./testing/one-call.ts', import.meta.url))

function run(url: string, httpVersion: string): Promise<{ status: number | null; output: string }> {
  const running = spawn(process.execPath, [
    '--conditions=source',
    '--import',
    'tsx',
    program,
    url,
    httpVersion,
    localhostCertificate.cert,
  ])
  child = running
  let output = ''
  running.stdout.on('data', (chunk) => (output += String(chunk)))
  running.stderr.on('data', (chunk) => (output += String(chunk)))
  return new Promise((resolve) => running.once('exit', (status) => resolve({ status, output })))
}

describe('a client that nobody closes', () => {
  const rows = [
    { protocol: 'http1', httpVersion: '1.1' },
    { protocol: 'h2c', httpVersion: '2' },
    { protocol: 'tls', httpVersion: 'auto' },
  ] as const
  for (const { protocol, httpVersion } of rows)
    // The endpoint keeps its side open: if the process ends, it is because nothing of the client holds it.
    it(`does not keep the process alive (${protocol})`, async () => {
      endpoint = await fakeEndpoint({ protocol, answer: () => ({ output: { Shards: [] } }) })
      expect(await run(endpoint.url, httpVersion)).toEqual({ status: 0, output: 'answered\n' })
      expect(endpoint.seen).toHaveLength(1)
    })
})
