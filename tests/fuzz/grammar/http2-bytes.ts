/**
 * Frames of HTTP/2 (RFC 9113): requests of the API in order, and every kind of frame with lengths, flags, streams and
 * payloads that do not belong together. Header blocks are literal, without a table, or bent.
 */
import { type Random, randomBelow } from '@millrace/std'

import { chance, pick } from '../support/target.ts'
import { messageParts, type MessageParts } from './http-message.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = Array.from({ length: 10 }, (_, type) => type) as [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] // prettier-ignore
const END_STREAM = 1
const END_HEADERS = 4

export function http2Bytes(random: Random): Uint8Array {
  const frames: Uint8Array[] = [
    chance(random, 0.97) ? PREFACE : PREFACE.subarray(0, randomBelow(random, PREFACE.length)),
  ]
  if (chance(random, 0.95)) frames.push(frame(SETTINGS, 0, 0, settings(random)))
  let stream = 1
  for (let count = 1 + randomBelow(random, 6); count > 0; count--) {
    if (chance(random, 0.6)) frames.push(...request(stream, random))
    else frames.push(oddFrame(stream, random))
    if (chance(random, 0.9)) stream += 2
  }
  const bytes = Buffer.concat(frames)
  return chance(random, 0.1) ? bytes.subarray(0, randomBelow(random, bytes.length + 1)) : bytes
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array, length = payload.length): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length & 0xff_ffff, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([head, payload])
}

function settings(random: Random): Buffer {
  const entries = Array.from({ length: chance(random, 0.03) ? 100 : randomBelow(random, 4) }, () => {
    const entry = Buffer.alloc(6)
    entry.writeUInt16BE(randomBelow(random, 10))
    entry.writeUInt32BE(pick(random, [0, 1, 100, 16_384, 65_535, 2 ** 24 - 1, 2 ** 31, 2 ** 32 - 1]), 2)
    return entry
  })
  return Buffer.concat(entries)
}

function request(stream: number, random: Random): Uint8Array[] {
  const parts = messageParts(random)
  const block = headerBlock(parts, random)
  const hasBody = parts.body.length > 0
  const cut = chance(random, 0.2) ? randomBelow(random, block.length + 1) : block.length
  const endStream = hasBody ? 0 : END_STREAM
  const frames = [frame(HEADERS, endStream | (cut === block.length ? END_HEADERS : 0), stream, block.subarray(0, cut))]
  if (cut < block.length) {
    // Something between them is what must not be.
    if (chance(random, 0.1)) frames.push(oddFrame(stream, random))
    frames.push(frame(CONTINUATION, chance(random, 0.9) ? END_HEADERS : 0, stream, block.subarray(cut)))
  }
  if (hasBody) {
    const end = randomBelow(random, parts.body.length + 1)
    if (chance(random, 0.3)) frames.push(frame(DATA, 0, stream, parts.body.subarray(0, end)))
    else frames.push(frame(DATA, 0, stream, new Uint8Array(0)))
    frames.push(frame(DATA, chance(random, 0.9) ? END_STREAM : 0, stream, parts.body))
  }
  return frames
}

/** Literal fields without indexing: what is said is what is meant. */
function headerBlock({ method, url, headers }: MessageParts, random: Random): Buffer {
  const fields: [string, string][] = [
    [':method', method],
    [':scheme', pick(random, ['http', 'http', 'http', 'https', ''])],
    [':path', url],
    [':authority', 'localhost'],
  ]
  if (chance(random, 0.05)) fields.splice(randomBelow(random, fields.length), 1)
  for (const [name, value] of headers)
    if (name !== 'Host' || chance(random, 0.1)) fields.push([chance(random, 0.99) ? name.toLowerCase() : name, value])
  if (chance(random, 0.05)) fields.push(pick<[string, string]>(random, [[':path', '/'], ['connection', 'close'], ['te', 'gzip'], ['', 'x'], ['content-length', '7'], [':unknown', 'x'], ['x', 'a\r\nb'], [':status', '200']])) // prettier-ignore
  if (chance(random, 0.02)) for (let count = 0; count < 200; count++) fields.push([`x-${count}`, 'y'])
  const block = Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), string(name), string(value)])))
  if (!chance(random, 0.1)) return block
  // Indexed fields, table sizes, integers without an end.
  const odd = pick(random, ['80', 'be', 'ff' + 'ff'.repeat(10), '3fffffffff0f', '82', '40', '7fffffff'])
  return Buffer.concat([Buffer.from(odd, 'hex'), block])
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const head = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>>= 7) head.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...head, rest]), bytes])
}

function oddFrame(stream: number, random: Random): Buffer {
  const type = pick(random, [
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
    0x0c,
    0xff,
  ])
  const usual =
    { [PRIORITY]: 5, [RST_STREAM]: 4, [PING]: 8, [GOAWAY]: 8, [WINDOW_UPDATE]: 4 }[type] ?? randomBelow(random, 40)
  const payload = chance(random, 0.7) ? random.bytes(usual) : Buffer.alloc(usual)
  const on = pick(random, [0, stream, stream, Math.max(0, stream - 2), 2, 2 ** 31 - 1, 2 ** 31 + 1])
  const length = chance(random, 0.85) ? payload.length : pick(random, [0, 1, payload.length + 1, 16_385, 2 ** 24 - 1])
  const one = frame(type, chance(random, 0.5) ? 0 : randomBelow(random, 256), on, payload, length)
  return chance(random, 0.05) ? Buffer.concat(Array.from({ length: 150 }, () => one)) : one
}
