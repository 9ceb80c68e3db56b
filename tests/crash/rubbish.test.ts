/**
 * Rubbish of every kind on the port of the built command, on a directory, for MILLRACE_RUBBISH_SECONDS (short by default), while a good
 * client beside it has no error and never waits long; what the rubbish took of memory is given back.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { ServerProcess } from './support/server-process.ts'

const SECONDS = Number(process.env['MILLRACE_RUBBISH_SECONDS'] ?? 5)
const WAIT_MAX_MS = 3_000
const MiB = 1024 * 1024
const PEAK_MAX_BYTES = 500 * MiB
const LEFT_MAX_BYTES = 100 * MiB

let folder = ''
let server: ServerProcess
let port = ''
let rubbish: ChildProcess | undefined

function throwRubbish(seed: number): ChildProcess {
  const path = fileURLToPath(new URL('./support/rubbish.ts', import.meta.url))
  const options = ['--conditions=source', '--import', 'tsx', path, port, String(seed)]
  return spawn(process.execPath, options, { stdio: ['ignore', 'ignore', 'inherit'] })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-rubbish-'))
  server = await ServerProcess.start(folder)
  port = new URL(server.endpoint).port
})

afterAll(async () => {
  agent.destroy()
  if (rubbish !== undefined) await stop(rubbish)
  await server.kill()
  await rm(folder, { recursive: true, force: true })
})

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Resident memory of the server, in bytes. */
async function resident(): Promise<number> {
  if (process.platform !== 'linux') {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(server.pid)])
    return Number(stdout.trim()) * 1024
  }
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 })
const authorization =
  'AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0'

/** As an SDK sends it. Resolves with the status. */
function call(operation: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'content-length': Buffer.byteLength(body),
      'x-amz-target': `Kinesis_20131202.${operation}`,
      'x-amz-date': '20261122T000000Z',
      authorization,
    }
    const request = httpRequest({ agent, port, host: '127.0.0.1', method: 'POST', headers }, (response) =>
      response.resume().on('end', () => resolve(response.statusCode ?? 0)),
    )
    request.on('error', reject)
    request.end(body)
  })
}

const put = JSON.stringify({ StreamName: 's', PartitionKey: 'k', Data: Buffer.alloc(100).toString('base64') })

/** Puts as a good client does, until the time is over. */
async function putFor(seconds: number): Promise<{ served: number; slowestMs: number; failures: string[] }> {
  const seen = { served: 0, slowestMs: 0, failures: [] as string[] }
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(5)) {
    const started = performance.now()
    const status = await call('PutRecord', put).catch(String)
    seen.slowestMs = Math.max(seen.slowestMs, performance.now() - started)
    if (status === 200) seen.served++
    else seen.failures.push(String(status))
  }
  return seen
}

describe('rubbish on the port', () => {
  it(`for ${SECONDS} s does not reach the client beside it`, async () => {
    expect(await call('CreateStream', '{"StreamName":"s","ShardCount":1}')).toBe(200)
    // What a working server takes anyway.
    await putFor(1)
    const before = await resident()
    let peak = before
    const seed = Date.now() % 2 ** 32
    rubbish = throwRubbish(seed)
    const watch = setInterval(() => void resident().then((now) => (peak = Math.max(peak, now))), 50)
    const seen = await putFor(SECONDS)
    clearInterval(watch)
    expect(rubbish.exitCode).toBeNull()
    await stop(rubbish)

    let left = Infinity
    for (const end = performance.now() + 10_000; performance.now() < end && left >= LEFT_MAX_BYTES;) {
      // Work as usual: an idle process gives nothing back.
      await putFor(0.5)
      left = (await resident()) - before
    }
    const report =
      `seed ${seed}: ${seen.served} served, slowest ${seen.slowestMs.toFixed(0)} ms, ` +
      `peak +${((peak - before) / MiB).toFixed(0)} MiB, left +${(left / MiB).toFixed(0)} MiB`
    process.stderr.write(`${report}\n`)
    expect(seen.failures, report).toEqual([])
    expect(seen.served, report).toBeGreaterThan(SECONDS)
    expect(seen.slowestMs, report).toBeLessThan(WAIT_MAX_MS)
    expect(peak - before, report).toBeLessThan(PEAK_MAX_BYTES)
    expect(left, report).toBeLessThan(LEFT_MAX_BYTES)
  })
})
