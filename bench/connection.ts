/**
 * A connection of the load generator: one request at a time, written as prepared bytes. It reads into one buffer and
 * knows just enough of an answer to see where it ends, so that on shared cores the client costs as little as it can.
 */
import { connect, type Socket } from 'node:net'

const READ_BYTES = 64 * 1024
const HEADER_END = Buffer.from('\r\n\r\n')

/** Sees where an answer ends; starts anew behind it. */
export interface AnswerReader {
  /** True: the answer is whole. Throws at an answer that is none of a success. `chunk` is valid during the call only. */
  push(chunk: Buffer): boolean
  /** Of the last whole answer. */
  readonly bytes: number
}

/** Answers of HTTP/1.1 with a Content-Length, which must be a 200. */
export class HttpAnswer implements AnswerReader {
  bytes = 0
  readonly #body: Buffer[] | undefined
  #head: Buffer = Buffer.alloc(0)
  #missing = -1

  constructor({ keepsBody = false }: { readonly keepsBody?: boolean } = {}) {
    if (keepsBody) this.#body = []
  }

  push(chunk: Buffer): boolean {
    let body = chunk
    if (this.#missing < 0) {
      const seen = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
      const end = seen.indexOf(HEADER_END)
      if (end === -1) {
        this.#head = Buffer.from(seen)
        return false
      }
      const head = seen.toString('latin1', 0, end)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      if (!head.startsWith('HTTP/1.1 200') || length === undefined)
        throw new Error(`expected 200 with a Content-Length, got: ${seen.toString('latin1', 0, 600)}`)
      this.#missing = this.bytes = Number(length)
      this.#head = Buffer.alloc(0)
      body = seen.subarray(end + HEADER_END.length)
      this.#body?.splice(0)
    }
    this.#missing -= body.length
    this.#body?.push(Buffer.from(body))
    if (this.#missing > 0) return false
    if (this.#missing < 0) throw new Error('more came than one answer')
    this.#missing = -1
    return true
  }

  /** Of the last whole answer, where bodies are kept. */
  body(): Buffer {
    return Buffer.concat(this.#body ?? [])
  }
}

export class Connection {
  readonly #socket: Socket
  readonly #failed: (error: Error) => void
  #answered: ((bytes: number) => void) | undefined

  private constructor(socket: Socket, failed: (error: Error) => void) {
    this.#socket = socket
    this.#failed = failed
  }

  /** `failed`: what went wrong after it was opened. */
  static open(port: number, reader: AnswerReader, failed: (error: Error) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const onread = {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length: number, buffer: Uint8Array): boolean => {
          connection.#read(reader, Buffer.from(buffer.buffer, buffer.byteOffset, length))
          return true
        },
      }
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
      const connection = new Connection(socket, failed)
      socket.once('connect', () => resolve(connection))
      socket.on('error', (error) => {
        reject(error)
        failed(error)
      })
      socket.on('close', () => {
        if (connection.#answered !== undefined) failed(new Error('the server closed a connection before its answer'))
      })
    })
  }

  /** One at a time: not before the last one was answered. */
  ask(request: Uint8Array, answered: (bytes: number) => void): void {
    this.#answered = answered
    this.#socket.write(request)
  }

  close(): void {
    this.#answered = undefined
    this.#socket.destroy()
  }

  #read(reader: AnswerReader, chunk: Buffer): void {
    const answered = this.#answered
    try {
      if (!reader.push(chunk)) return
    } catch (error) {
      this.close()
      this.#failed(error as Error)
      return
    }
    this.#answered = undefined
    answered?.(reader.bytes)
  }
}
