/**
 * The front door on real sockets: HTTP/1.1 and HTTP/2 bytes in batches of connections, good clients among them, and
 * nothing left behind at the end. Seeds and replay as in support/fuzz-suite.ts: `MILLRACE_FUZZ=http1:seed:index`.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { randomBelow, systemRandom } from '@millrace/std'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { http1Bytes } from './grammar/http1-bytes.ts'
import { http2Bytes } from './grammar/http2-bytes.ts'
import { Fuzzer, type Tally } from './support/fuzzer.ts'
import { keptInputs } from './support/inputs.ts'
import { printTable } from './support/progress-table.ts'
import { SocketServer } from './support/socket-server.ts'
import { Broken, type Target } from './support/target.ts'

const BATCH = 128
const SETTLED_MS_MAX = 10_000
/** What a batch has of memory, garbage included: all of its inputs are tried at once. */
const BATCH_MEMORY_BYTES_MAX = 128 * 1024 * 1024
/** Once all are gone and garbage is collected: what a server keeps, and what the code took that ran for the first time. */
const LEFT_BYTES_MAX = 64 * 1024 * 1024

const environment = process.env
const [only, ...replay] = environment['MILLRACE_FUZZ']?.split(':') ?? []
const soakSeconds = Number(environment['MILLRACE_SOAK_SECONDS'] ?? 0)
/** The same each time where a change is judged by it; the soak looks further. */
const seed = Number(environment['MILLRACE_SEED'] ?? (soakSeconds > 0 ? randomBelow(systemRandom, 1_000_000) : 1))

let server: SocketServer
const tallies: Tally[] = []
const stray: unknown[] = []
const onStray = (error: unknown): void => void stray.push(error)

beforeAll(async () => {
  process.on('unhandledRejection', onStray)
  process.on('uncaughtExceptionMonitor', onStray)
  server = await SocketServer.start()
})

afterAll(async () => {
  await server.close()
  process.off('unhandledRejection', onStray)
  process.off('uncaughtExceptionMonitor', onStray)
  if (tallies.length > 0) process.stderr.write(`${printTable(tallies)}\n`)
})

/** The first byte says in which pieces the rest is sent, and how the connection ends. */
async function converse(input: Uint8Array): Promise<Buffer> {
  const [how = 0] = input
  const ending = how % 16 === 0 ? 'wait' : how % 4 === 1 ? 'destroy' : 'end'
  const pieceBytes = how >= 192 ? 1 + (how % 64) * 7 : 1 << 20
  const answer = await server.converse(input.subarray(1), pieceBytes, ending)
  const [first] = stray
  if (first !== undefined) throw new Broken(`nobody awaits: ${first instanceof Error ? first.stack : String(first)}`)
  const [fault] = server.faults
  if (fault !== undefined) throw new Broken(`failed inside: ${fault}`)
  return answer
}

const http1: Target = {
  name: 'http1',
  specimens: [],
  generate: (random) => Buffer.concat([random.bytes(1), http1Bytes(random)]),
  words: [
    '\r\n',
    '\r\n\r\n',
    'Content-Length: ',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
    '0\r\n\r\n',
    'HTTP/1.1',
    ':',
    '\u0000',
    '\u0016\u0003',
  ],
  executions: 1_280,
  cpuMsMax: 120_000,
  memoryBytesMax: BATCH_MEMORY_BYTES_MAX,
  async check(input) {
    const text = (await converse(input)).toString('latin1')
    // Bent bytes may begin TLS, or HTTP/2.
    const isOther = ['\u0015', '\u0016', '\u0000'].includes(text.slice(0, 1))
    if (text !== '' && !isOther && !text.startsWith('HTTP/1.1 '))
      throw new Broken(`answered ${JSON.stringify(text.slice(0, 60))}`)
    // Bodies of ours hold no such line.
    for (const [line, status] of text.matchAll(/^HTTP\/1\.1 (\d{3}) .*\r$/gm)) {
      if (!['100', '200', '400', '403', '404', '408', '413', '417', '431'].includes(status ?? ''))
        throw new Broken(`answered ${line}`)
    }
  },
}

const http2: Target = {
  name: 'http2',
  specimens: [],
  generate: (random) => Buffer.concat([random.bytes(1), http2Bytes(random)]),
  words: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000'],
  executions: 1_280,
  cpuMsMax: 120_000,
  memoryBytesMax: BATCH_MEMORY_BYTES_MAX,
  async check(input) {
    await converse(input)
  },
}

const chosen = [http1, http2].filter(({ name }) => only === undefined || only === name)

/** The heap and what stands beside it, without garbage. */
function bytesLeft(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Waits until nothing is left of anybody. */
async function settled(): Promise<void> {
  for (const end = performance.now() + SETTLED_MS_MAX; ;) {
    const { connections, requests, bodyBytes, answerBytes, failures } = await server.gauges()
    if (failures > 0) throw new Broken(`${failures} answers of 500 and above`)
    // The one that asks; and the good client's, until it has been idle for too long.
    if (connections <= 2 && requests <= 1 && bodyBytes === 0 && answerBytes === 0) return
    if (performance.now() > end)
      throw new Broken(`left: ${connections} connections, ${requests} requests, ${bodyBytes} bytes of bodies`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('fuzzing on sockets', () => {
  it.each(chosen)(
    '$name: good clients are served, nothing fails inside, nothing is left',
    { timeout: soakSeconds * 1_000 + 240_000 },
    async (target) => {
      const fuzzer = new Fuzzer(target)
      const [first, second] = replay
      if (second !== undefined) {
        await fuzzer.try(Number(first), Number(second))
        return
      }
      if (first !== undefined) {
        await target.check(readFileSync(first))
        return
      }
      for (const kind of ['cases', 'corpus'] as const)
        for (const { bytes } of keptInputs(kind, target.name)) await target.check(bytes)
      const startedMs = performance.now()
      const isOver = (index: number): boolean =>
        soakSeconds > 0
          ? performance.now() - startedMs > (soakSeconds * 1_000) / chosen.length
          : index >= target.executions
      await server.serveGoodClients()
      const bytesBefore = bytesLeft()
      let [index, largestBytes] = [0, 0]
      for (; !isOver(index); index += BATCH) {
        const batch = Promise.all(Array.from({ length: BATCH }, (_, place) => fuzzer.try(seed, index + place)))
        const [costs] = await Promise.all([batch, server.serveGoodClients()])
        largestBytes = Math.max(largestBytes, ...costs.map(({ grownBytes }) => grownBytes))
      }
      const elapsedMs = performance.now() - startedMs
      await settled()
      expect(bytesLeft() - bytesBefore).toBeLessThan(LEFT_BYTES_MAX)
      tallies.push({
        target: target.name,
        executions: index,
        elapsedMs,
        corpus: fuzzer.pool.length,
        seed,
        largestBytes,
      })
    },
  )

  it('a server that is closed leaves no socket and no timer', async () => {
    const counted = (): readonly string[] => process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind))
    const before = counted().length
    const another = await SocketServer.start()
    for (let index = 0; index < BATCH; index++)
      await another.converse(new Fuzzer(http1).input(seed, index).subarray(1), 1 << 20, 'end')
    await another.serveGoodClients()
    await another.close()
    for (let turn = 0; turn < 100 && counted().length > before; turn++)
      await new Promise((resolve) => setImmediate(resolve))
    expect(counted().length).toBeLessThanOrEqual(before)
  })
})
