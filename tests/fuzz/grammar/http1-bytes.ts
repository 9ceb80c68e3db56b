/** What clients send on an HTTP/1.1 connection: requests framed right, wrongly, twice, and cut. */
import { type Random, randomBelow } from '@millrace/std'

import { chance, pick } from '../support/target.ts'
import { messageBytes, messageParts, type MessageParts } from './http-message.ts'

export function http1Bytes(random: Random): Uint8Array {
  const requests = Array.from({ length: 1 + randomBelow(random, 4) }, () => request(random))
  const bytes = Buffer.concat(requests)
  return chance(random, 0.15) ? bytes.subarray(0, randomBelow(random, bytes.length + 1)) : bytes
}

function request(random: Random): Uint8Array {
  const parts = messageParts(random)
  const { body } = parts
  switch (randomBelow(random, 12)) {
    case 0:
      return framed(parts, ['Transfer-Encoding', 'chunked'], chunked(body, random))
    case 1:
      return framed(
        parts,
        ['Transfer-Encoding', pick(random, ['gzip, chunked', 'chunked, chunked', 'identity', ' chunked', 'xchunked'])],
        chunked(body, random),
      )
    case 2:
      return framed(
        { ...parts, headers: [...parts.headers, ['Content-Length', String(body.length)]] },
        ['Transfer-Encoding', 'chunked'],
        chunked(body, random),
      )
    case 3:
      return framed(
        parts,
        [
          'Content-Length',
          pick(random, ['-1', '+1', '1e3', '0x10', '', '99999999999999999999', '1, 1', ' 5', '2000000000']),
        ],
        body,
      )
    case 4:
      return framed(parts, ['Content-Length', String(body.length + pick(random, [-1, 1, 100]))], body)
    case 5:
      return framed(
        { ...parts, headers: [...parts.headers, ['Content-Length', String(body.length)]] },
        ['Content-Length', String(body.length + 1)],
        body,
      )
    case 6:
      return oddLines(framed(parts, ['Content-Length', String(body.length)], body), random)
    default:
      return framed(parts, ['Content-Length', String(body.length)], body)
  }
}

function framed(parts: MessageParts, header: readonly [string, string], body: Uint8Array): Uint8Array {
  return messageBytes({ ...parts, headers: [...parts.headers, header], body })
}

function chunked(body: Uint8Array, random: Random): Uint8Array {
  const cut = randomBelow(random, body.length + 1)
  const chunk = (bytes: Uint8Array): Buffer => {
    const size = pick(random, [bytes.length.toString(16), bytes.length.toString(16), `0${bytes.length.toString(16)};x=y`, 'ffffffffffffffff', '-1', '']) // prettier-ignore
    return Buffer.concat([Buffer.from(`${size}\r\n`), bytes, Buffer.from('\r\n')])
  }
  const last = pick(random, [
    '0\r\n\r\n',
    '0\r\nX-Trailer: y\r\n\r\n',
    '0\r\n',
    '',
    `0\r\n${'X: y\r\n'.repeat(50)}\r\n`,
  ])
  return Buffer.concat([chunk(body.subarray(0, cut)), chunk(body.subarray(cut)), Buffer.from(last)])
}

/** Line ends, folded lines, spaces where none belong. */
function oddLines(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  const [from, to] = pick<readonly [string | RegExp, string]>(random, [
    [/\r\n/g, '\n'],
    ['\r\n', '\r\n folded\r\n'],
    [': ', ' : '],
    [' HTTP/1.1', pick(random, [' HTTP/1.0', ' HTTP/2.0', ' HTTP/1.1 ', '', ' http/1.1', ' HTTP/9.9'])],
    ['\r\n', `\r\n${'A'.repeat(40_000)}: x\r\n`],
    ['\r\n', `\r\n${'A: x\r\n'.repeat(3_000)}`],
    [/^/, '\r\n\r\n'],
    ['\r\n', '\r\nX-Nul: a\u0000b\r\n'],
  ])
  return Buffer.from(
    text.replace(from, () => to),
    'latin1',
  )
}
