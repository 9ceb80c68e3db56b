/** What a client of ours is told by others: refusals, keys from processes and metadata services, the files of AWS's tools. */
import { decodeError } from '@millrace/protocol'
import { CredentialsError } from '@millrace/client'
import { type Random, randomBelow } from '@millrace/std'

import { parseCredentialsDocument } from '../../../packages/client/src/credentials/credentials-document.ts'
import { codecOf } from '../../../packages/client/src/refusal.ts'
import { classOfAnswer, retryAfterMs } from '../../../packages/client/src/retry/failure.ts'
import { parseIni } from '../../../packages/client/src/settings/ini.ts'
import { anyTree } from '../grammar/api-tree.ts'
import { cborBytes } from '../grammar/cbor-bytes.ts'
import { jsonText } from '../grammar/json-text.ts'
import { Broken, bytesOf, chance, expectSame, pick, type Target, textOf } from '../support/target.ts'

const statuses = [200, 301, 400, 403, 404, 413, 429, 500, 502, 503, 504]
const types = [
  'ValidationException',
  'com.amazon#ThrottlingException:http://x',
  'constructor',
  '__proto__',
  '#',
  ':',
  '',
]

/** Status, encoding, then the body; its first line is what headers say. */
export const refusals: Target = {
  name: 'refusals',
  specimens: [
    ...types.map((type) =>
      Buffer.concat([Uint8Array.of(2, 0), bytesOf(`${type}\n{"__type":"${type}","message":"no"}`)]),
    ),
    Buffer.concat([Uint8Array.of(9, 2), bytesOf('120\n<html>bad gateway</html>')]),
  ],
  generate(random) {
    const tree = { __type: pick(random, types), [pick(random, ['message', 'Message', 'Output'])]: anyTree(random, 2) }
    const isJson = chance(random, 0.5)
    const body = isJson ? bytesOf(jsonText(tree, random)) : cborBytes(tree, random)
    return Buffer.concat([
      Uint8Array.of(randomBelow(random, statuses.length), isJson ? 0 : 1),
      bytesOf(`${pick(random, types)}\n`),
      body,
    ])
  },
  words: ['"__type":', '"message":', '"Output":{', '#', ':', '\n', '9'.repeat(30)],
  executions: 40_000,
  check(input) {
    const status = statuses[(input[0] ?? 0) % statuses.length] ?? 500
    const codec = codecOf(
      ['application/x-amz-json-1.1', 'application/x-amz-cbor-1.1', 'text/html'][(input[1] ?? 0) % 3] ?? '',
    )
    const rest = input.subarray(2)
    const line = rest.indexOf(0x0a)
    const header = textOf(rest.subarray(0, line === -1 ? 0 : line))
    const body = rest.subarray(line + 1)
    const error = decodeError(codec, status, body, header === '' ? undefined : header)
    if (typeof error.type !== 'string' || typeof error.message !== 'string') throw new Broken('an error without words')
    if (!['throttle', 'transient', 'final'].includes(classOfAnswer(error.type, status)))
      throw new Broken('a failure of no class')
    const waitMs = retryAfterMs({ 'retry-after': header, 'x-amz-retry-after': header }, 1_700_000_000_000)
    if (waitMs !== undefined && !(waitMs >= 0)) throw new Broken(`wait for ${waitMs} ms`)
  },
}

export const credentialsDocuments: Target = {
  name: 'credentials-documents',
  specimens: [
    '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hidden-secret","SessionToken":"T","Expiration":"2026-11-22T00:00:00Z"}',
    '{"AccessKeyId":"A","SecretAccessKey":"hidden-secret","Token":"T","Expiration":"never"}',
    '[]',
  ].map(bytesOf),
  generate: (random) =>
    bytesOf(
      jsonText(
        {
          AccessKeyId: pick(random, ['A', '', 1]),
          SecretAccessKey: 'hidden-secret',
          Expiration: pick(random, ['2026-11-22T00:00:00Z', '((((', '99999999999999']),
        },
        random,
      ),
    ),
  words: ['"Expiration":', '"Token":', '(', '275760-09-13', 'Z'],
  executions: 40_000,
  check(input) {
    const text = textOf(input)
    try {
      const found = parseCredentialsDocument(text, 'a test')
      if (found.accessKeyId === '' || found.secretAccessKey === '') throw new Broken('empty keys')
      if (found.expiresAtMs !== undefined && !Number.isFinite(found.expiresAtMs)) throw new Broken('no time')
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error
      if (error.message.includes('hidden-secret')) throw new Broken('a message says a secret', { cause: error })
    }
  },
}

const iniLine = (random: Random): string =>
  pick(random, [
    '[default]',
    '[profile a b]',
    '[services x]',
    'region = eu-west-1',
    'kinesis =',
    '  endpoint_url = http://x # why',
    '; note',
    'a=b;c',
    ' =',
    '[',
    '[]',
  ])

export const iniFiles: Target = {
  name: 'ini-files',
  specimens: ['[default]\naws_access_key_id = A\n', '[services a]\nkinesis =\n  endpoint_url = http://localhost\n'].map(
    bytesOf,
  ),
  generate: (random) =>
    bytesOf(
      Array.from({ length: randomBelow(random, 10) }, () => iniLine(random)).join(pick(random, ['\n', '\r\n', '\r'])),
    ),
  words: ['[', ']', '=', '\n', '\r', '#', ';', ' ', '\ufeff', '[__proto__]', '\t'],
  executions: 50_000,
  check(input) {
    const sections = parseIni(textOf(input))
    // What it has understood is a file again, and means the same.
    const again = [...sections]
      .filter(([name]) => !/[\r\n#;]/.test(name))
      .map(([name, values]) => {
        const lines = [...values]
          .filter(
            ([key, value]) =>
              value !== '' && !key.includes('.') && !/\s/.test(key) && !/\s[#;]|[\r\n]/.test(` ${value}`),
          )
          .map(([key, value]) => [key, value] as const)
        return [name, lines] as const
      })
    const text = again
      .map(([name, lines]) => `[${name}]\n${lines.map(([key, value]) => `${key} = ${value}`).join('\n')}`)
      .join('\n')
    const reread = parseIni(text)
    for (const [name, lines] of again) {
      if (lines.some(([key]) => /[#;[]/.test(key))) continue
      for (const [key, value] of lines) expectSame(reread.get(name)?.get(key), value, `${name} ${key}`)
    }
  },
}
