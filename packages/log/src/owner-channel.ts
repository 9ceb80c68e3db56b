/**
 * Talking to the process that owns a directory, through the socket that is its lock: only who may enter the directory
 * can. The owner says who it is in one line; whoever connected may then ask for one thing in one line, and what follows
 * is between the two. Whoever asks nothing soon is hung up on.
 */
import { readdir, realpath } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Clock, Random } from '@millrace/std'
import { codeOf, highestOf, pipeOf, shortPath } from './lock-address.ts'

/** How long a caller may take to ask. */
const REQUEST_MS = 500
const REQUEST_BYTES_MAX = 256
/** An answer that names every file of a log of a hundred thousand segments. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024
/** How long the owner may take to answer: it finishes what it is rewriting first. */
const REPLY_MS = 60_000

/** Answers one request. The socket is the handler's from then on. */
export type OwnerRequestHandler = (request: string, socket: Socket) => void

/** The owner's side. */
export class Doorkeeper {
  readonly #clock: Clock
  readonly #sockets = new Set<Socket>()
  #handler: OwnerRequestHandler | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  serve(handler: OwnerRequestHandler): void {
    this.#handler = handler
  }

  receive(socket: Socket): void {
    this.#sockets.add(socket)
    socket.unref()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      timer.cancel()
      this.#sockets.delete(socket)
    })
    let text = ''
    const timer = this.#clock.setTimer(REQUEST_MS, () => socket.end(), { unref: true })
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\n')
      if (end === -1 && text.length <= REQUEST_BYTES_MAX) return
      socket.off('data', onData)
      timer.cancel()
      if (end === -1 || this.#handler === undefined) socket.end()
      else this.#handler(text.slice(0, end), socket)
    }
    socket.on('data', onData)
    // The pid is for people: it means little across containers.
    socket.write(`process ${process.pid} on ${hostname()}\n`)
  }

  /** Hangs up on everybody. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

export interface OwnerReply {
  readonly line: string
  /** As long as it is open, the owner keeps what it promised. */
  readonly socket: Socket
}

/**
 * Asks the live owner of `directory` for something, and resolves with its answer, one line; `undefined` if nobody owns
 * it. Rejects if the owner hangs up, as one does that knows no such request.
 */
export async function askOwner(
  directory: string,
  request: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<OwnerReply | undefined> {
  const path = await realpath(directory)
  if (process.platform === 'win32') return await ask(pipeOf(path), request, clock)
  const names = join(path, 'lock')
  const highest = highestOf(await readdir(names).catch(() => []))
  if (highest === 0) return undefined
  await using sockets = await shortPath(names, random)
  return await ask(join(sockets.path, String(highest)), request, clock)
}

function ask(address: string, request: string, clock: Clock): Promise<OwnerReply | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    const chunks: string[] = []
    let bytes = 0
    const timer = clock.setTimer(REPLY_MS, () => fail(`it did not answer within ${REPLY_MS / 1000} s`))
    const fail = (why: string): void => {
      timer.cancel()
      socket.destroy()
      reject(new Error(`The process that uses the directory does not do as it is asked (${request}): ${why}.`))
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      chunks.push(chunk.toString())
      if (bytes > REPLY_BYTES_MAX) return fail('its answer is too long')
      if (!chunk.includes('\n')) return
      const [, line, rest] = chunks.join('').split('\n')
      // First who it is, then the answer.
      if (line === undefined || rest === undefined) return
      timer.cancel()
      socket.removeAllListeners()
      socket.on('error', () => socket.destroy())
      resolve({ line, socket })
    }
    const onEnd = (): void => fail('it hung up')
    socket.on('data', onData)
    socket.on('end', onEnd)
    socket.on('close', onEnd)
    socket.on('error', (error) => {
      if (codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT') return fail(error.message)
      timer.cancel()
      socket.removeAllListeners()
      resolve(undefined)
    })
    socket.write(`${request}\n`)
  })
}
