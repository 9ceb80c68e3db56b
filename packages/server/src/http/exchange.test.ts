import { connect } from 'node:net'

import { deferred, silentLogger, systemRandom } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { frontDoorLimits } from './limits.ts'
import { Listener } from './listener.ts'
import type { WireRequest } from './wire.ts'

/** Comes in several reads, and into a piece of memory that is used again. */
const BODY_BYTES = 300_000

async function post(port: number, letter: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
  socket.write(letter.repeat(BODY_BYTES))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

describe('the memory of a body', () => {
  it('is another request’s only when both the client and the operation have gone', async () => {
    const clock = new VirtualClock()
    const given = deferred<WireRequest>()
    const end = deferred<void>()
    let first: Uint8Array | undefined
    let others: ArrayBufferLike | undefined
    await using listener = await Listener.open({
      host: '127.0.0.1',
      port: 0,
      dispatch: async (request) => {
        const { body } = request
        if (first === undefined) {
          first = body
          given.resolve(request)
          await end.promise
        } else others = body.buffer
        if (String.fromCharCode(body[0] ?? 0) !== 'k') request.bodyIsDone?.()
        return { status: 200, headers: {}, body: [] }
      },
      limits: frontDoorLimits,
      clock,
      random: systemRandom,
      logger: silentLogger,
      tlsIdentity: () => Promise.reject(new Error('nobody speaks TLS here')),
    })
    const givenUp = post(listener.port, 'a')
    await given.promise
    clock.advance(frontDoorLimits.handlingMs + frontDoorLimits.handlingGraceMs + 1_000)
    expect(await givenUp).toMatch(/^HTTP\/1\.1 500 /)
    await expect.poll(() => listener.gauges().requests).toBe(0)

    expect(await post(listener.port, 'b')).toMatch(/^HTTP\/1\.1 200 /)
    expect(Buffer.from(first ?? []).equals(Buffer.alloc(BODY_BYTES, 'a'))).toBe(true)
    end.resolve()
    await end.promise
    expect(await post(listener.port, 'c')).toMatch(/^HTTP\/1\.1 200 /)
    expect(others).toBe(first?.buffer)

    // Who does not say so keeps it.
    expect(await post(listener.port, 'k')).toMatch(/^HTTP\/1\.1 200 /)
    const kept = others
    expect(await post(listener.port, 'd')).toMatch(/^HTTP\/1\.1 200 /)
    expect(others).not.toBe(kept)
  })
})
