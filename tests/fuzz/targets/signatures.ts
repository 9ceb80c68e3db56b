/**
 * Signatures. Requests signed by the AWS SDK's own signer, with each part bent. What is not bent is found true; what is
 * found true is what that signer would have said of the request as it came.
 */
import { createHash, createHmac } from 'node:crypto'

import { KinesisError, readSignature, SigningKeyCache, verifySignature } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { SignatureV4 } from '@smithy/signature-v4'

import { messageBytes, type MessageParts, parseMessage } from '../grammar/http-message.ts'
import { Broken, bytesOf, chance, pick, type Target } from '../support/target.ts'

const NOW_MS = Date.UTC(2026, 10, 22)
const DATE = '20261122T000000Z'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const accessKeyId = 'AKIDEXAMPLE'
const keys = new SigningKeyCache()
/** What that signer leaves out of every signature, asked or not. */
const unsignable =
  /^(authorization|cache-control|connection|expect|from|keep-alive|max-forwards|pragma|referer|te|trailer|transfer-encoding|upgrade|user-agent|x-amzn-trace-id|proxy-.*|sec-.*)$/

class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', dataOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(dataOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {
    throw new Error('not needed')
  }
}

function dataOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

/** Our own arithmetic, once more and plainly, to make specimens without a promise. */
function sign(
  parts: MessageParts,
  signedHeaders: readonly string[],
  scope = '20261122/us-east-1/kinesis/aws4_request',
): MessageParts {
  const lower = new Map(parts.headers.map(([name, value]) => [name.toLowerCase(), value.trim()]))
  const lines = signedHeaders.map((name) => `${name}:${lower.get(name) ?? ''}\n`).join('')
  const canonical = `${parts.method}\n/\n\n${lines}\n${signedHeaders.join(';')}\n${createHash('sha256').update(parts.body).digest('hex')}`
  const toSign = `AWS4-HMAC-SHA256\n${DATE}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`)
  for (const step of scope.split('/')) key = createHmac('sha256', key).update(step).digest()
  const signature = createHmac('sha256', key).update(toSign).digest('hex')
  const value = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
  return { ...parts, headers: [...parts.headers, ['Authorization', value]] }
}

function signedMessage(random: Random): MessageParts {
  const headers: [string, string][] = [
    ['Host', 'localhost:4567'],
    ['Content-Type', 'application/x-amz-json-1.1'],
    ['X-Amz-Date', DATE],
    ['X-Amz-Target', 'Kinesis_20131202.ListStreams'],
  ]
  if (chance(random, 0.3)) headers.push(['X-Extra', pick(random, ['a', 'a b', 'x'.repeat(1_000)])])
  const signedHeaders = headers.map(([name]) => name.toLowerCase()).sort()
  return sign({ method: 'POST', url: '/', headers, body: bytesOf('{}') }, signedHeaders)
}

function bent(message: MessageParts, random: Random): MessageParts {
  const headers = message.headers.map(([name, value]): readonly [string, string] => [name, value])
  const last = headers.length - 1
  const [, value = ''] = headers[last] ?? []
  const replace = (from: string | RegExp, to: string): MessageParts => {
    headers[last] = ['Authorization', value.replace(from, () => to)]
    return { ...message, headers }
  }
  switch (randomBelow(random, 9)) {
    case 0:
      return replace(/Signature=.*/, `Signature=${pick(random, ['', '0', '0'.repeat(64), 'A'.repeat(64)])}`)
    case 1:
      return replace(
        /SignedHeaders=[^,]*/,
        `SignedHeaders=${pick(random, ['', 'host', ';;', 'host;host', '__proto__', Array.from({ length: 1 << randomBelow(random, 13) }, () => 'x-extra').join(';')])}`,
      )
    case 2:
      return replace('us-east-1', pick(random, ['', 'eu-west-1', '/', 'us-east-1/us-east-1']))
    case 3:
      return replace('20261122', pick(random, ['20261123', '', '99999999']))
    case 4:
      return replace(', ', pick(random, [',', '  ', ',,,', ' ']))
    case 5:
      return {
        ...message,
        url: pick(random, [
          '/?',
          '/?a=b',
          '/a/..',
          '//',
          '/./',
          '/?X-Amz-Signature=1',
          '/?X-Amz-Algorithm=AWS4-HMAC-SHA256',
        ]),
      }
    case 6:
      return { ...message, body: pick(random, [bytesOf('{} '), bytesOf(''), bytesOf('{}')]) }
    case 7: {
      const at = randomBelow(random, headers.length)
      const [name = '', old = ''] = headers[at] ?? []
      headers[at] = [name, pick(random, [` ${old}  `, old.toUpperCase(), '', `${old},${old}`])]
      return { ...message, headers }
    }
    default:
      headers.splice(randomBelow(random, headers.length), 1)
      return { ...message, headers }
  }
}

const specimens = [1, 2, 3].map((seed) => signedMessage(seededRandom(seed)))
const presigned =
  'POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Fus-east-1%2Fkinesis%2Faws4_request' +
  `&X-Amz-Date=${DATE}&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=0 HTTP/1.1\r\nHost: localhost\r\n\r\n{}`

export const signatures: Target = {
  name: 'signatures',
  specimens: [...specimens.map(messageBytes), bytesOf(presigned)],
  generate: (random) => messageBytes(chance(random, 0.1) ? signedMessage(random) : bent(signedMessage(random), random)),
  words: [
    'Credential=',
    'SignedHeaders=',
    'Signature=',
    ';',
    ', ',
    'host',
    '%',
    '%2F',
    '&',
    '=',
    'X-Amz-Expires=',
    'x-extra;',
  ],
  executions: 15_000,
  cpuMsMax: 1_000,
  async check(input) {
    const request = parseMessage(input)
    let claim
    try {
      claim = readSignature(request)
      verifySignature(claim, request, { secretAccessKey, nowMs: NOW_MS, keys })
    } catch (error) {
      if (!(error instanceof KinesisError)) throw new Broken(`threw ${String(error)}`, { cause: error })
      if (specimens.some((specimen) => Buffer.from(messageBytes(specimen)).equals(input)))
        throw new Broken(`a true signature was refused: ${error.message}`, { cause: error })
      return
    }
    if (claim.form === 'query' || claim.signedHeaders.some((name) => unsignable.test(name) || name.startsWith(':')))
      return
    const { scope } = claim
    if (scope === undefined) throw new Broken('found true without a scope')
    const signer = new SignatureV4({
      credentials: { accessKeyId: claim.accessKeyId, secretAccessKey },
      region: scope.region,
      service: scope.service,
      sha256: Sha256,
      applyChecksum: false,
    })
    const headers = Object.fromEntries(claim.signedHeaders.map((name) => [name, request.headers[name] ?? '']))
    const [path = '/', query = ''] = splitAt(request.url, '?')
    const theirs = await signer.sign(
      {
        method: request.method,
        protocol: 'http:',
        hostname: 'localhost',
        path,
        query: queryOf(query),
        headers,
        body: request.body,
      },
      { signingDate: new Date(NOW_MS) },
    )
    // At the end: a key's name may hold the same word.
    const signature = /, Signature=(\w+)$/.exec(theirs.headers['authorization'] ?? '')?.[1]
    // It signs its own date header as well: only where ours names it too is there one answer.
    if (
      claim.signedHeaders.includes('x-amz-date') &&
      request.headers['x-amz-date'] === DATE &&
      signature !== claim.signature
    )
      throw new Broken(`found true, and the SDK says ${signature ?? 'nothing'} instead of ${claim.signature}`)
  },
}

function splitAt(text: string, mark: string): readonly string[] {
  const at = text.indexOf(mark)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** As the SDK has it: decoded, the values of one name in a list. */
function queryOf(query: string): Record<string, string | string[]> {
  const found = new Map<string, string[]>()
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  for (const pair of query.split('&').filter((part) => part !== '')) {
    const [name = '', value = ''] = splitAt(pair, '=')
    found.set(decode(name), [...(found.get(decode(name)) ?? []), decode(value)])
  }
  return Object.fromEntries(
    [...found].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  )
}
