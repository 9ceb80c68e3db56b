import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventMessage } from './event-stream.ts'
import { encodeEventMessage, EventMessageDecoder, EventStreamError } from './event-stream.ts'

const initialResponse: EventMessage = {
  headers: new Map([
    [':event-type', 'initial-response'],
    [':content-type', 'application/x-amz-json-1.1'],
    [':message-type', 'event'],
  ]),
  payload: Buffer.from('{}'),
}

const messages = fc.array(
  fc.record({
    headers: fc
      .array(fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.string({ maxLength: 40, unit: 'binary' })), {
        maxLength: 5,
      })
      .map((entries) => new Map(entries)),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 6 },
)

/** Cuts `bytes` at random places. */
function chunks(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const cut: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = 1 + (sizes[turn % sizes.length] ?? 0)
    cut.push(bytes.subarray(at, at + size))
    at += size
  }
  return cut
}

describe('encodeEventMessage', () => {
  it('writes the first message of a subscription as production does', () => {
    const message = Buffer.from(encodeEventMessage(initialResponse))
    expect(message).toHaveLength(114)
    expect(message.subarray(0, 12).toString('hex')).toBe('0000007200000060ab820d9e')
    expect(message.subarray(-6).toString('hex')).toBe('7b7dacae6b7d')
  })
})

describe('EventMessageDecoder', () => {
  it('gives back what was encoded, however the bytes are cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat(400), { minLength: 1 }), (sent, sizes) => {
        const decoder = new EventMessageDecoder()
        const bytes = Buffer.concat(sent.map((message) => encodeEventMessage(message)))
        const received = chunks(bytes, sizes).flatMap((chunk) => decoder.push(chunk))
        decoder.end()
        expect(received.map(({ headers, payload }) => [[...headers], [...payload]])).toEqual(
          sent.map(({ headers, payload }) => [[...headers], [...payload]]),
        )
      }),
    )
  })

  it('notices every change of a byte', () => {
    const good = Buffer.from(encodeEventMessage(initialResponse))
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(good)
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at)
        const decoder = new EventMessageDecoder()
        expect(() => decoder.push(bytes)).toThrow(EventStreamError)
      }),
    )
  })

  it('throws nothing but EventStreamError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          new EventMessageDecoder().push(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(EventStreamError)
        }
      }),
    )
  })

  it('passes over headers that are not text', () => {
    // One header of each type: true, byte, integer, timestamp, bytes, and at last a text.
    const headers = Buffer.from('0161000162020901630400000001016408000000000000000101650600020102016607000178', 'hex')
    const total = 16 + headers.length
    const message = Buffer.alloc(total)
    message.writeUInt32BE(total, 0)
    message.writeUInt32BE(headers.length, 4)
    message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
    headers.copy(message, 12)
    message.writeUInt32BE(crc32(message.subarray(0, total - 4)), total - 4)
    const [decoded] = new EventMessageDecoder().push(message)
    expect(decoded?.headers).toEqual(new Map([['f', 'x']]))
  })

  it('refuses a message that is longer than allowed before it has arrived', () => {
    const message = encodeEventMessage({ headers: new Map(), payload: new Uint8Array(1000) })
    expect(() => new EventMessageDecoder(1015).push(message.subarray(0, 12))).toThrow('expected at most 1015')
    expect(new EventMessageDecoder(1016).push(message)).toHaveLength(1)
  })

  it('says when the stream ends within a message', () => {
    const decoder = new EventMessageDecoder()
    decoder.push(encodeEventMessage(initialResponse).subarray(0, 50))
    expect(() => decoder.end()).toThrow('within a message, after 50 bytes')
  })
})
