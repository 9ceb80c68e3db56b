/**
 * A Kinesis endpoint for tests: real sockets on loopback, protocol's own codecs and verification, and answers that the
 * test gives. Speaks HTTP/1.1, HTTP/2 with prior knowledge, or over TLS what is agreed on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import {
  type Codec,
  decodeRequest,
  encodeError,
  encodeResponse,
  type ErrorType,
  errorTraits,
  KinesisError,
  operationsByTarget,
  readSignature,
  SigningKeyCache,
  verifySignature,
} from '@millrace/protocol'
import { localhostCertificate } from './localhost-certificate.ts'

export const testCredentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret-for-tests' }

export interface SeenRequest {
  readonly operation: string
  readonly input: unknown
  readonly codec: Codec
  readonly headers: Readonly<Record<string, string>>
  readonly httpVersion: string
}

type Headers = Readonly<Record<string, string>>

export type FakeAnswer =
  | { readonly output: unknown; readonly headers?: Headers }
  | { readonly error: ErrorType; readonly message?: string; readonly headers?: Headers }
  | {
      readonly status: number
      readonly body: string | Uint8Array | AsyncIterable<Uint8Array>
      readonly headers?: Headers
    }
  /** `drop`: the connection is destroyed unanswered. `hang`: there is never an answer. */
  | 'drop'
  | 'hang'

export interface FakeEndpointOptions {
  /** Default `http1`. */
  readonly protocol?: 'http1' | 'h2c' | 'tls' | 'tls-http1'
  /** Checks every signature against `testCredentials` at this time, ms since the epoch. Default: none is checked. */
  readonly verifyAt?: () => number
  readonly answer: (request: SeenRequest, number: number) => FakeAnswer | Promise<FakeAnswer>
  readonly maxConcurrentStreams?: number
}

export interface FakeEndpoint {
  readonly url: string
  readonly port: number
  readonly seen: readonly SeenRequest[]
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
  /** How many connections there have been. */
  readonly accepted: () => number
  close(): Promise<void>
}

type AnyRequest = IncomingMessage | Http2ServerRequest
type AnyResponse = ServerResponse | Http2ServerResponse

export async function fakeEndpoint(options: FakeEndpointOptions): Promise<FakeEndpoint> {
  const seen: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const keys = new SigningKeyCache()
  let accepted = 0
  const handle = (request: AnyRequest, response: AnyResponse): void => {
    void serve(request, response as ServerResponse).catch(() => request.socket.destroy())
  }
  const serve = async (request: AnyRequest, response: ServerResponse): Promise<void> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk as Uint8Array)
    const body = Buffer.concat(chunks)
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const codec: Codec = headers['content-type'] === 'application/x-amz-cbor-1.1' ? 'cbor' : 'json'
    const operation = operationsByTarget.get(headers['x-amz-target'] ?? '')
    const plain = {
      'x-amzn-requestid': `request-${seen.length + 1}`,
      'content-type': `application/x-amz-${codec}-1.1`,
    }
    let answer: FakeAnswer
    try {
      const nowMs = options.verifyAt?.()
      if (nowMs !== undefined) {
        const signable = { method: request.method ?? '', url: request.url ?? '', headers, body }
        const { secretAccessKey } = testCredentials
        verifySignature(readSignature(signable), signable, { secretAccessKey, nowMs, keys })
      }
      const input = operation === undefined ? undefined : decodeRequest(operation, codec, body)
      const one = { operation: operation?.name ?? '', input, codec, headers, httpVersion: request.httpVersion }
      seen.push(one)
      answer = await options.answer(one, seen.length)
    } catch (error) {
      if (!(error instanceof KinesisError)) throw error
      const date = new Date(options.verifyAt?.() ?? 0).toUTCString()
      answer = { error: error.type, message: error.message, headers: { date } }
    }
    if (answer === 'hang') return
    if (answer === 'drop') {
      // The whole connection: for HTTP/2 `request.socket` stands for the stream alone.
      if ('stream' in request) request.stream.session?.destroy()
      else request.socket.destroy()
      return
    }
    if ('output' in answer) {
      const bytes = operation === undefined ? Buffer.alloc(0) : encodeResponse(operation, codec, answer.output)
      response.writeHead(200, { ...plain, 'content-length': bytes.length, ...answer.headers })
      response.end(bytes)
    } else if ('error' in answer) {
      const bytes = encodeError(codec, { type: answer.error, message: answer.message ?? '' })
      response.writeHead(errorTraits(answer.error)?.status ?? 400, { ...plain, ...answer.headers })
      response.end(bytes)
    } else {
      response.writeHead(answer.status, { ...plain, ...answer.headers })
      if (typeof answer.body === 'string' || answer.body instanceof Uint8Array) {
        response.end(answer.body)
        return
      }
      response.flushHeaders?.()
      for await (const chunk of answer.body) response.write(chunk)
      response.end()
    }
  }
  const server = listener(options, handle)
  server.on('connection', (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const scheme = options.protocol?.startsWith('tls') === true ? 'https' : 'http'
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    seen,
    sockets,
    accepted: () => accepted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function listener(
  { protocol = 'http1', maxConcurrentStreams }: FakeEndpointOptions,
  handle: (request: AnyRequest, response: AnyResponse) => void,
): Server {
  const settings = maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } }
  if (protocol === 'h2c') return createHttp2Server(settings, handle)
  if (protocol === 'http1') return createServer(handle)
  if (protocol === 'tls-http1') return createTlsServer(localhostCertificate, handle)
  return createSecureServer({ ...settings, ...localhostCertificate, allowHTTP1: true }, handle)
}
