/**
 * Requests as they stand on the wire, right and nearly right, and the way back for targets without a socket: latin1
 * text, a line of request, lines of headers, an empty one, the body.
 */
import { type Random, randomBelow } from '@millrace/std'

import type { Operation } from '@millrace/protocol'
import { chance, pick } from '../support/target.ts'
import { anyTree, apiOperations, structureTree } from './api-tree.ts'
import { cborBytes } from './cbor-bytes.ts'
import { jsonText } from './json-text.ts'

export interface MessageParts {
  readonly method: string
  readonly url: string
  /** As they stand: names in any case, repeated ones too. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

const JSON_TYPE = 'application/x-amz-json-1.1'
const CBOR_TYPE = 'application/x-amz-cbor-1.1'
const authorization =
  'AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0'

const methods = ['POST', 'POST', 'POST', 'POST', 'POST', 'POST', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']
const urls = ['/', '/', '/', '/?', '/_metrics', '/_health/ready', '/_health/live', '/a/../b?x=%zz&y', '*', '//', '/%00']
const authorizations = [
  authorization,
  authorization,
  authorization,
  authorization,
  '',
  'AWS4-HMAC-SHA256',
  'Bearer x',
  authorization.replace('kinesis', 's3'),
  authorization.replace('us-east-1', 'a/b'),
  authorization.replace('Signature=0', 'Signature='),
]
const oddHeaders: readonly (readonly [string, string])[] = [
  ['Origin', 'http://localhost:3000'],
  ['Origin', 'https://elsewhere.example'],
  ['Access-Control-Request-Headers', 'x-a, \u00e9\t, x-b'],
  ['Access-Control-Request-Method', 'P\u00d6ST'],
  ['Expect', '100-continue'],
  ['Expect', 'nothing'],
  ['Connection', 'close'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'h2c'],
  ['Cookie', 'a=b'],
  ['Set-Cookie', 'a'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['X-Amz-Security-Token', 'token'],
  ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'],
  ['Accept', 'text/html'],
  ['X-Long', 'x'.repeat(2_000)],
]

/** A request of the API, mostly. Without a length: whoever sends it adds what frames the body. */
export function messageParts(random: Random): MessageParts {
  const operation = pick<Operation>(random, apiOperations)
  const isJson = chance(random, 0.6)
  const tree = chance(random, 0.9) ? structureTree(operation.input, random) : anyTree(random, 0)
  const body = chance(random, 0.03)
    ? new Uint8Array(0)
    : isJson
      ? Buffer.from(jsonText(tree, random))
      : cborBytes(tree, random)
  const headers: [string, string][] = [
    ['Host', chance(random, 0.95) ? 'localhost' : pick(random, ['evil.example', '127.0.0.1:80', '[::1]', '', 'a b'])],
    [
      'Content-Type',
      chance(random, 0.94)
        ? isJson
          ? JSON_TYPE
          : CBOR_TYPE
        : pick(random, ['application/json', JSON_TYPE + ';charset=x', '', 'text/plain']),
    ],
    [
      'X-Amz-Target',
      chance(random, 0.96)
        ? `Kinesis_20131202.${operation.name}`
        : pick(random, [
            'Kinesis_20131202.',
            'constructor',
            'Kinesis_20131202.__proto__',
            'Kinesis_20131202.SubscribeToShard',
          ]),
    ],
    ['Authorization', pick(random, authorizations)],
    ['X-Amz-Date', chance(random, 0.95) ? '20261122T000000Z' : pick(random, ['', 'never', '99999999T999999Z'])],
  ]
  while (chance(random, 0.15)) headers.push([...pick(random, oddHeaders)])
  if (chance(random, 0.05)) headers.splice(randomBelow(random, headers.length), 1)
  return { method: pick(random, methods), url: pick(random, urls), headers, body }
}

export function messageBytes({ method, url, headers, body }: MessageParts): Uint8Array {
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`${method} ${url} HTTP/1.1\r\n${head}\r\n`, 'latin1'), body])
}

/** What a front door would hand on: lower-case names, repeated values joined. Forgives everything. */
export function parseMessage(bytes: Uint8Array): {
  method: string
  url: string
  headers: Record<string, string>
  body: Uint8Array
} {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = buffer.indexOf('\r\n\r\n')
  const [first = '', ...lines] = buffer.toString('latin1', 0, end === -1 ? buffer.length : end).split('\r\n')
  const [method = '', url = '/'] = first.split(' ')
  const headers = Object.create(null) as Record<string, string>
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`
  }
  return { method, url, headers, body: end === -1 ? new Uint8Array(0) : buffer.subarray(end + 4) }
}
