/** Event-stream messages, in chunks of any size; the oracle is the codec of the official SDK. */
import { crc32 } from 'node:zlib'

import { encodeEventMessage, EventMessageDecoder, EventStreamError } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import { EventStreamCodec } from '@smithy/core/event-streams'

import { Broken, bytesOf, chance, expectSame, pick, refusedOr, type Target, textOf } from '../support/target.ts'

const theirs = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : textOf(bytes as Uint8Array)),
  (text) => bytesOf(text),
)
/** A decoder that holds little, so that lengths beyond it are met. */
const MESSAGE_BYTES_MAX = 64 * 1024

function event(random: Random): Uint8Array {
  const headers = new Map([
    [':message-type', pick(random, ['event', 'exception', 'error', ''])],
    [':event-type', pick(random, ['SubscribeToShardEvent', 'initial-response'])],
    [pick(random, [':content-type', 'é', 'constructor']), 'application/json'],
  ])
  const bytes = Buffer.from(encodeEventMessage({ headers, payload: random.bytes(randomBelow(random, 60)) }))
  return chance(random, 0.5) ? bytes : resealed(withOddHeader(bytes, random))
}

/** A header of another type in front, or of none. */
function withOddHeader(message: Buffer, random: Random): Buffer {
  const type = randomBelow(random, 11)
  const value = random.bytes(pick(random, [0, 1, 2, 4, 8, 16]))
  const header = Buffer.concat([Buffer.from([1, 0x78, type]), value])
  return Buffer.concat([message.subarray(0, 12), header, message.subarray(12)])
}

/** Lengths and checksums as they should be, so that what stands inside is looked at. */
function resealed(message: Buffer): Buffer {
  if (message.length < 16) return message
  const before = message.readUInt32BE(0)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(Math.max(0, message.readUInt32BE(4) + message.length - before) >>> 0, 4)
  return withChecksums(message)
}

function withChecksums(message: Buffer): Buffer {
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  message.writeUInt32BE(crc32(message.subarray(0, message.length - 4)), message.length - 4)
  return message
}

/** The first byte says how it is cut and whether its checksums are made right first. */
export const eventStreams: Target = {
  name: 'event-streams',
  specimens: ['', 'x'].map((payload) =>
    Buffer.concat([
      Uint8Array.of(7),
      encodeEventMessage({ headers: new Map([[':message-type', 'event']]), payload: bytesOf(payload) }),
    ]),
  ),
  generate(random) {
    const messages = Array.from({ length: 1 + randomBelow(random, 3) }, () => event(random))
    return Buffer.concat([random.bytes(1), ...messages])
  },
  words: [':message-type', ':exception-type', '\u0007', '\u0000\u0000'],
  executions: 40_000,
  check(input) {
    const [how = 0] = input
    let stream = Buffer.from(input.subarray(1))
    if (how % 2 === 1 && stream.length >= 16) stream = withChecksums(stream) as Buffer<ArrayBuffer>
    const whole = read([stream])
    const pieces: Uint8Array[] = []
    for (let at = 0; at < stream.length; at += 1 + (how >> 1)) pieces.push(stream.subarray(at, at + 1 + (how >> 1)))
    const cut = read(pieces)
    expectSame(cut, whole, 'cut otherwise')
    const [only] = whole
    if (whole.length === 1 && only !== undefined && only !== 'fault') {
      const expected = refusedOr(
        () => theirs.decode(new Uint8Array(stream)),
        () => true,
      )
      if (expected === undefined) return
      const strings = Object.entries(expected.headers).filter(([, { type }]) => type === 'string')
      expectSame(
        Object.fromEntries(only.headers),
        Object.fromEntries(strings.map(([name, { value }]) => [name, value])),
        'the headers',
      )
      expectSame(new Uint8Array(only.payload), new Uint8Array(expected.body), 'the payload')
    }
  },
}

type Read = 'fault' | { readonly headers: readonly (readonly [string, string])[]; readonly payload: Uint8Array }

/** Messages up to the end or the first fault, as the last element. */
function read(pieces: readonly Uint8Array[]): Read[] {
  const decoder = new EventMessageDecoder(MESSAGE_BYTES_MAX)
  const found: Read[] = []
  try {
    for (const piece of pieces)
      for (const { headers, payload } of decoder.push(piece)) found.push({ headers: [...headers], payload })
    decoder.end()
  } catch (error) {
    if (!(error instanceof EventStreamError)) throw new Broken(`threw ${String(error)}`, { cause: error })
    // How many came whole before the fault depends on the cut: what is told at once is told together.
    return ['fault']
  }
  return found
}
