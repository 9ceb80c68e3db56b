/** An answer's memory is the next answer's when all of it is written, and not before: whoever reads slowly would be sent the bytes of others. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { type Clock, silentLogger, systemClock, systemRandom } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { afterEach, assert, describe, expect, it } from 'vitest'

import { DEADLINE_TICK_MS } from '../http/deadlines.ts'
import { frontDoorLimits } from '../http/limits.ts'
import { Listener } from '../http/listener.ts'
import type { Dispatch } from '../http/wire.ts'
import { takeAnswerRoom } from './answer-memory.ts'

const KIB = 1024
/** More than the kernel takes of an answer that is not read. */
const LARGE = 12 * 1024 * KIB

const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Asked {
  readonly name: string
  readonly bytes: number
}

const textOf = ({ name }: Asked): string => `<${name}>`

/** Which memory each answer was written to. */
const written = new Map<string, ArrayBufferLike>()

const answering: Dispatch = async ({ body }) => {
  const asked = JSON.parse(Buffer.from(body).toString()) as Asked
  const { buffer } = takeAnswerRoom(asked.bytes) as Uint8Array
  const memory = Buffer.from(buffer, 0, asked.bytes).fill(textOf(asked))
  written.set(asked.name, buffer)
  const half = Math.floor(asked.bytes / 2)
  return { status: 200, headers: {}, body: [Buffer.from('['), memory.subarray(0, half), memory.subarray(half)] }
}

async function listen(clock: Clock = systemClock): Promise<number> {
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    dispatch: answering,
    limits: frontDoorLimits,
    clock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: async () => assert.fail('nobody speaks TLS here'),
  })
  closers.push(() => listener.close())
  return listener.port
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  closers.push(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

function ask(socket: Socket, asked: Asked): void {
  const body = JSON.stringify(asked)
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

/** Reads an answer to its end; fails unless each byte is the one that was asked for. */
async function take(socket: Socket, asked: Asked): Promise<void> {
  const chunks: Buffer[] = []
  let end = Number.POSITIVE_INFINITY
  for (let bytes = 0; bytes < end;) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) {
      await once(socket, 'readable')
      continue
    }
    chunks.push(chunk)
    bytes += chunk.length
    if (end !== Number.POSITIVE_INFINITY) continue
    const headEnd = Buffer.concat(chunks).indexOf('\r\n\r\n[')
    if (headEnd !== -1) end = headEnd + '\r\n\r\n['.length + asked.bytes
  }
  const all = Buffer.concat(chunks)
  if (all.length > end) socket.unshift(all.subarray(end))
  expect(all.subarray(end - asked.bytes, end).equals(Buffer.alloc(asked.bytes, textOf(asked)))).toBe(true)
}

describe('memory of answers', () => {
  it('is used again by the next answer', async () => {
    const socket = await opened(await listen())
    for (const name of ['first', 'second']) {
      ask(socket, { name, bytes: 200 * KIB })
      await take(socket, { name, bytes: 200 * KIB })
    }
    expect(written.get('second') === written.get('first')).toBe(true)
  })

  it('stays with a reader that does not read, until it does', async () => {
    const port = await listen()
    const [slow, quick] = [await opened(port), await opened(port)]
    const late = { name: 'late', bytes: LARGE }
    ask(slow, late)
    // It has begun to come; most of it waits in the server.
    await once(slow, 'readable')
    for (const name of ['one', 'two']) {
      ask(quick, { name, bytes: LARGE })
      await take(quick, { name, bytes: LARGE })
      expect(written.get(name) === written.get('late')).toBe(false)
    }
    await take(slow, late)
    ask(slow, { name: 'three', bytes: LARGE })
    await take(slow, { name: 'three', bytes: LARGE })
  })

  it('is never used again when its reader has gone', async () => {
    const port = await listen()
    const [dying, other] = [await opened(port), await opened(port)]
    ask(dying, { name: 'dying', bytes: LARGE })
    await once(dying, 'readable')
    dying.destroy()
    for (const name of ['one', 'two', 'three']) {
      ask(other, { name, bytes: LARGE })
      await take(other, { name, bytes: LARGE })
      expect(written.get(name) === written.get('dying')).toBe(false)
    }
  })

  it('is never used again when the server breaks off', async () => {
    const clock = new VirtualClock()
    const port = await listen(clock)
    const late = await opened(port)
    late.on('error', () => {})
    ask(late, { name: 'broken off', bytes: LARGE })
    await once(late, 'readable')
    clock.advance(frontDoorLimits.responseMs + DEADLINE_TICK_MS)
    late.resume()
    await once(late, 'close')
    const other = await opened(port)
    for (const name of ['one', 'two']) {
      ask(other, { name, bytes: LARGE })
      await take(other, { name, bytes: LARGE })
      expect(written.get(name) === written.get('broken off')).toBe(false)
    }
  })

  it('brings each of many readers its own bytes, whoever is slow and whoever dies', async () => {
    const port = await listen()
    const answer = fc.record({ bytes: fc.integer({ min: 64 * KIB, max: 400 * KIB }), turns: fc.nat(3) })
    const reader = fc.record({ answers: fc.array(answer, { minLength: 1, maxLength: 4 }), dies: fc.boolean() })
    let names = 0
    await fc.assert(
      fc.asyncProperty(fc.array(reader, { minLength: 2, maxLength: 8 }), async (readers) => {
        const reading = readers.map(async ({ answers, dies }) => {
          const socket = await opened(port)
          const all = answers.map(({ bytes, turns }) => ({ name: `${names++}`, bytes, turns }))
          // One behind the other, on one connection.
          for (const asked of all) ask(socket, asked)
          for (const { turns, ...asked } of dies ? all.slice(0, -1) : all) {
            for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
            await take(socket, asked)
          }
          socket.destroy()
        })
        await Promise.all(reading)
      }),
      { numRuns: 15 },
    )
  })
})
