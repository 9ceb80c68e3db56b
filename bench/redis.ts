/** Redis Streams with `appendfsync always`, where a `redis-server` is installed: records of the same size by XADD. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { AnswerReader } from './connection.ts'
import type { Side } from './pairs.ts'
import { freePort, MeasuredProcess } from './processes.ts'

const STREAMS = 16

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

export async function startRedis(folder: string): Promise<MeasuredProcess> {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...durable]
  return await MeasuredProcess.start('redis-server', options, { port })
}

/** One request is so many XADDs in a pipeline, over 16 streams. */
export function redisSide(process: MeasuredProcess, recordsPerRequest: number, bytes: number): Side {
  const payload = 'x'.repeat(bytes)
  const commands = Array.from({ length: recordsPerRequest }, (_, i) =>
    command('XADD', `stream-${i % STREAMS}`, '*', 'd', payload),
  )
  const request = Buffer.from(commands.join(''))
  return {
    process,
    request: () => request,
    unitsPerRequest: recordsPerRequest,
    reader: () => new Replies(recordsPerRequest),
  }
}

const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

/** As many bulk strings, of two lines each. */
class Replies implements AnswerReader {
  bytes = 0
  readonly #lines: number
  #missing: number

  constructor(count: number) {
    this.#lines = this.#missing = 2 * count
  }

  push(chunk: Buffer): boolean {
    if (this.#missing === this.#lines) {
      this.bytes = 0
      if (chunk[0] !== 0x24) throw new Error(`expected a bulk string, got: ${chunk.toString('latin1', 0, 200)}`)
    }
    this.bytes += chunk.length
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) this.#missing--
    if (this.#missing > 0) return false
    this.#missing = this.#lines
    return true
  }
}
