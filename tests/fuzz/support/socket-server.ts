/**
 * A real server on loopback for the targets on sockets, its phases short, and a good client beside whoever else is
 * there. What the server reports as failed inside is kept.
 */
import { Agent, request as httpRequest } from 'node:http'
import { connect as h2connect } from 'node:http2'
import { connect } from 'node:net'

import type { Logger } from '@millrace/std'
import { silentLogger } from '@millrace/std'
import { type RunningServer, startServer } from '@millrace/server'

import { Broken } from './target.ts'

const SHORT_MS = 250
/** Far beyond the sum of all phases. */
const CLOSE_MAX_MS = 10_000
const GOOD_MAX_MS = 5_000
const ANSWERS_BYTES_MAX = 8 * 1024 * 1024

const authorization =
  'AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0'
const put = JSON.stringify({ StreamName: 'good', PartitionKey: 'k', Data: 'AAAA' })
const headers = {
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': 'Kinesis_20131202.PutRecord',
  'x-amz-date': '20261122T000000Z',
  authorization,
}

export interface Gauges {
  readonly connections: number
  readonly requests: number
  readonly bodyBytes: number
  readonly answerBytes: number
  /** Answers of 500 and above, since the start. */
  readonly failures: number
}

export class SocketServer {
  readonly #server: RunningServer
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly faults: readonly string[]

  static async start(): Promise<SocketServer> {
    const faults: string[] = []
    const logger: Logger = {
      ...silentLogger,
      error: (message, fields) =>
        void faults.push(`${message}: ${String((fields?.['error'] as Error | undefined)?.stack)}`),
    }
    const server = await startServer({
      port: 0,
      host: '127.0.0.1',
      dataDir: ':memory:',
      shardLimits: 'off',
      createStreams: [{ name: 'good', shards: 1 }],
      logger,
      limits: {
        firstBytesMs: SHORT_MS,
        headersMs: SHORT_MS,
        bodyMs: SHORT_MS,
        keepAliveIdleMs: SHORT_MS,
        tlsHandshakeMs: SHORT_MS,
        responseMs: SHORT_MS,
        lingerMs: 100,
      },
    })
    return new SocketServer(server, faults)
  }

  private constructor(server: RunningServer, faults: readonly string[]) {
    this.#server = server
    this.faults = faults
  }

  get port(): number {
    return this.#server.port
  }

  /** Sends bytes in pieces, then ends, breaks off, or waits for the server to. Gives what came back, once closed. */
  async converse(bytes: Uint8Array, pieceBytes: number, ending: 'end' | 'destroy' | 'wait'): Promise<Buffer> {
    const socket = connect(this.port, '127.0.0.1')
    socket.setNoDelay(true)
    const chunks: Buffer[] = []
    let received = 0
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.length
      if (received <= ANSWERS_BYTES_MAX) chunks.push(chunk)
    })
    for (let at = 0; at < bytes.length && !socket.destroyed; at += pieceBytes) {
      socket.write(bytes.subarray(at, at + pieceBytes))
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (ending === 'end') socket.end()
    else if (ending === 'destroy') socket.destroy()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(true), CLOSE_MAX_MS)))
    const isLate = (await Promise.race([closed, late])) === true
    clearTimeout(timer)
    socket.destroy()
    if (isLate) throw new Broken(`the connection was still open after ${CLOSE_MAX_MS} ms`)
    if (received > ANSWERS_BYTES_MAX) throw new Broken(`${received} bytes came back`)
    return Buffer.concat(chunks)
  }

  /** As an SDK does, over both protocols. Throws unless both are served, soon. */
  async serveGoodClients(): Promise<void> {
    const startedMs = performance.now()
    const statuses = await Promise.all([this.#put1(), this.#put2()])
    if (statuses.some((status) => status !== 200))
      throw new Broken(`a good client was answered ${statuses.join(' and ')}`)
    const tookMs = performance.now() - startedMs
    if (tookMs > GOOD_MAX_MS) throw new Broken(`a good client waited for ${tookMs.toFixed(0)} ms`)
  }

  async gauges(): Promise<Gauges> {
    const response = await fetch(`http://127.0.0.1:${this.port}/_metrics`, { headers: { connection: 'close' } })
    const text = await response.text()
    const read = (pattern: RegExp): number =>
      [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0)
    return {
      connections: read(/^millrace_http_connections (\d+)$/gm),
      requests: read(/^millrace_http_requests_in_flight (\d+)$/gm),
      bodyBytes: read(/^millrace_http_body_bytes (\d+)$/gm),
      answerBytes: read(/^millrace_http_answer_bytes (\d+)$/gm),
      failures: read(/^millrace_http_requests_total\{.*status="5xx".*\} (\d+)$/gm),
    }
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    await this.#server.close()
  }

  #put1(): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, host: '127.0.0.1', port: this.port, method: 'POST', headers: { ...headers, 'content-length': put.length } } // prettier-ignore
      const send = (isAgain: boolean): void => {
        const request = httpRequest(options, (response) =>
          response.resume().on('end', () => resolve(response.statusCode ?? 0)),
        )
        // The one that was kept alive may have been closed as idle at this moment: that is no fault.
        request.on('error', (error) => (request.reusedSocket && !isAgain ? send(true) : reject(error)))
        request.end(put)
      }
      send(false)
    })
  }

  #put2(): Promise<number> {
    return new Promise((resolve, reject) => {
      const session = h2connect(`http://127.0.0.1:${this.port}`)
      session.on('error', reject)
      const stream = session.request({ ':method': 'POST', ':path': '/', ...headers })
      let status = 0
      stream.on('response', (answer) => (status = answer[':status'] ?? 0))
      stream.on('error', reject)
      stream.resume().on('end', () => {
        session.close()
        resolve(status)
      })
      stream.end(put)
    })
  }
}
