/**
 * Opens one connection to an origin: straight or through a proxy's tunnel, plain or TLS, within one time limit.
 * Everything that fails here failed before a byte of the request was sent.
 */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { Clock } from '@millrace/std'
import { KinesisTransportError } from '../errors.ts'
import { bareHost, proxyFor, type ProxySettings } from './proxy-settings.ts'

export interface ConnectionSettings {
  readonly clock: Clock
  readonly proxy: ProxySettings | undefined
  /** Made once per transport: reading Node's 140 root certificates takes milliseconds. */
  readonly secureContext: SecureContext | undefined
}

/** Trusts what Node trusts, and `ca` besides. `undefined`: Node's default context. */
export function secureContextFor(ca: string | undefined): SecureContext | undefined {
  return ca === undefined ? undefined : createSecureContext({ ca: [...rootCertificates, ca] })
}

export type AlpnProtocol = 'h2' | 'http/1.1'

/** A connected socket, and on TLS a finished handshake. `alpn` is offered on TLS only. */
export async function openConnection(
  origin: URL,
  alpn: readonly AlpnProtocol[],
  settings: ConnectionSettings,
  timeoutMs: number,
): Promise<Socket> {
  const limit = new AbortController()
  const timer = settings.clock.setTimer(timeoutMs, () => limit.abort(), { unref: true })
  try {
    const proxy = proxyFor(origin, settings.proxy)
    const plain =
      proxy === undefined
        ? await openTcp(origin, limit.signal)
        : await openTunnel(origin, proxy, settings.secureContext, limit.signal)
    const socket =
      origin.protocol === 'https:' ? await secure(plain, origin, alpn, settings.secureContext, limit.signal) : plain
    socket.setNoDelay(true)
    // Until a pool takes it over, nobody else listens.
    socket.on('error', () => {})
    return socket
  } catch (error) {
    if (!limit.signal.aborted) throw error
    throw new KinesisTransportError('connect', `No connection to ${origin.origin} within ${timeoutMs} ms.`, {
      outcome: 'not-done',
      cause: error,
    })
  } finally {
    timer.cancel()
  }
}

function openTcp(origin: URL, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host: bareHost(origin), port: portOf(origin) })
  return settled(socket, 'connect', signal, (cause) => connectFailure(origin, cause))
}

function secure(
  plain: Socket,
  origin: URL,
  alpn: readonly AlpnProtocol[],
  secureContext: SecureContext | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const host = bareHost(origin)
  const socket = connectTls({
    socket: plain,
    ALPNProtocols: [...alpn],
    // An address is never sent as a server name (RFC 6066), yet the certificate is checked against it.
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(secureContext === undefined ? {} : { secureContext }),
  })
  return settled(
    socket,
    'secureConnect',
    signal,
    (cause) =>
      new KinesisTransportError('tls', `TLS with ${origin.origin} failed: ${reason(cause)}. ${tlsAdvice(cause)}`, {
        outcome: 'not-done',
        cause,
      }),
  )
}

function openTunnel(
  origin: URL,
  proxy: URL,
  secureContext: SecureContext | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${origin.hostname}:${portOf(origin)}`
  const headers: Record<string, string> = { host: authority }
  if (proxy.username !== '') {
    const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
    headers['proxy-authorization'] = `Basic ${Buffer.from(user).toString('base64')}`
  }
  const failure = (what: string, cause?: unknown): KinesisTransportError =>
    new KinesisTransportError('proxy', `The proxy ${proxy.host} gives no tunnel to ${authority}: ${what}.`, {
      outcome: 'not-done',
      ...(cause === undefined ? {} : { cause }),
    })
  return new Promise((resolve, reject) => {
    const open = proxy.protocol === 'https:' ? httpsRequest : httpRequest
    const request = open({
      method: 'CONNECT',
      path: authority,
      headers,
      host: bareHost(proxy),
      port: portOf(proxy),
      agent: false,
      signal,
      ...(secureContext === undefined ? {} : { secureContext }),
    })
    request.once('connect', (answer, socket: Socket, head) => {
      if (answer.statusCode === 200) {
        // An HTTP/2 server speaks first, and may have done so in the same packet.
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
        return
      }
      socket.destroy()
      reject(failure(`it answered ${answer.statusCode}`))
    })
    // A proxy that does not know CONNECT answers it like any other request.
    request.once('response', (answer) => {
      request.destroy()
      reject(failure(`it answered ${answer.statusCode}`))
    })
    request.once('error', (cause) => reject(failure(reason(cause), cause)))
    request.end()
  })
}

/** Resolves with the socket on `event`; otherwise destroys it and rejects with what `failure` makes of the cause. */
function settled(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  failure: (cause: unknown) => Error,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      cleanUp()
      socket.on('error', () => {})
      socket.destroy()
      reject(failure(cause))
    }
    const onEvent = (): void => {
      cleanUp()
      resolve(socket)
    }
    const onClose = (): void => fail(new Error('the connection was closed'))
    const onAbort = (): void => fail(signal.reason)
    const cleanUp = (): void => {
      socket.off('error', fail).off(event, onEvent).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    socket.once('error', fail).once(event, onEvent).once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

function connectFailure(origin: URL, cause: unknown): KinesisTransportError {
  const advice: Record<string, string> = {
    ECONNREFUSED: 'Nothing listens there: is the server running, and is the port right?',
    ENOTFOUND: 'The name does not resolve: check the host in the endpoint.',
    EAI_AGAIN: 'The name server did not answer.',
  }
  const hint = advice[errorCode(cause)]
  const message = `Could not connect to ${origin.origin}: ${reason(cause)}.${hint === undefined ? '' : ` ${hint}`}`
  return new KinesisTransportError('connect', message, { outcome: 'not-done', cause })
}

function tlsAdvice(cause: unknown): string {
  const code = errorCode(cause)
  if (/CERT|SELF_SIGNED|ISSUER|SIGNATURE|ALTNAME/.test(code))
    return 'Hand in the certificate to trust (`ca`, AWS_CA_BUNDLE), or use the name that it was made for.'
  return 'Does the port speak TLS? `http://` endpoints do not.'
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** A short reason for a message: Node's code where there is one, since its text repeats addresses and ports. */
export function reason(error: unknown): string {
  const code = errorCode(error)
  if (code !== '') return code
  return error instanceof Error ? error.message : String(error)
}
