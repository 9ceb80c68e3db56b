/** The configuration file, the values of its options, and the files of access and master keys: YAML that people write. */
import { type Random, randomBelow } from '@millrace/std'

import { CredentialsError, parseCredentials } from '../../../packages/server/src/auth/credentials.ts'
import { parseKeyFile } from '../../../packages/server/src/encryption/key-file.ts'
import { parseConfigFile } from '../../../packages/server/src/config.ts'
import { ConfigError } from '../../../packages/server/src/config-error.ts'
import * as read from '../../../packages/server/src/config-values.ts'
import { anyTree } from '../grammar/api-tree.ts'
import { jsonText } from '../grammar/json-text.ts'
import { Broken, bytesOf, chance, pick, refusedOr, type Target, textOf } from '../support/target.ts'

/** Whatever was in the file: a message is for people. */
const MESSAGE_LENGTH_MAX = 2_000

const isConfigError = (error: unknown): boolean => error instanceof ConfigError && isShort(error.message)

function isShort(message: string): boolean {
  if (message.length > MESSAGE_LENGTH_MAX) throw new Broken(`a message of ${message.length} characters`)
  return true
}

const yamlWords = ['&a ', '*a', '- ', ': ', '? ', '!!binary ', '%YAML 1.1\n---\n', '<<: *a', '{', '}', '[', ']', '|\n', '>\n', '"', "'", '#', '\t', '---\n', '...\n', '!!set ', '!!timestamp '] // prettier-ignore
const options = ['port', 'host', 'data-dir', 'shard-limits', 'quota', 'create-streams', 'account', 'disk-max', 'allowed-hosts'] // prettier-ignore
const values = ['4567', 'off', '"0.0.0.0"', '[a, b]', '{write-bytes: 1MiB, reads: 5}', 'orders:4,clicks:1', '[orders:4]', '20GiB', '~', '1e400', '*a', '&a [*a]'] // prettier-ignore

export const configFiles: Target = {
  name: 'config-files',
  specimens: [
    'port: 4567\n',
    'create-streams:\n  - orders:4\nquota: {shards: 7}\n',
    'port: &a [*a]\n',
    'a: &a [1]\nb: [*a, *a]',
  ].map(bytesOf),
  generate: (random) =>
    bytesOf(
      Array.from({ length: randomBelow(random, 5) }, () => `${pick(random, options)}: ${pick(random, values)}`).join(
        '\n',
      ),
    ),
  words: [...yamlWords, ...options],
  executions: 3_000,
  check(input) {
    const found = refusedOr(() => parseConfigFile(textOf(input), 'millrace.yaml'), isConfigError)
    for (const value of Object.values(found ?? {}))
      if (typeof value !== 'string') throw new Broken('a value that is no text')
  },
}

const readers: readonly ((text: string) => unknown)[] = [
  (text) => read.integer(text, 0, 65_535),
  (text) => read.oneOf(text, ['fsync', 'os']),
  read.bytes, read.list, read.engine, read.auth, read.apiLimits, read.shardLimits, read.quotas, read.streams, read.account,
  read.region,
] // prettier-ignore

export const configValues: Target = {
  name: 'config-values',
  specimens: [
    '4567',
    '20GiB',
    'write-bytes=1MiB,reads=5',
    'shards=100',
    'orders:4,clicks',
    '000000000000',
    'us-east-1',
    'nats://a',
  ].map(bytesOf),
  generate: (random) => bytesOf(pick(random, values)),
  words: ['=', ',', ':', 'MiB', 'shards=', 'constructor', '__proto__', '9'.repeat(20), '.', ' '],
  executions: 20_000,
  check(input) {
    for (const reader of readers) refusedOr(() => reader(textOf(input)), isConfigError)
  },
}

const credentialsText = (random: Random): string =>
  `accessKeys:\n  - accessKeyId: ${pick(random, ['"AKIA"', 'AKIA', '1', '~', '[]', '&a x', '"é"'])}\n    secretAccessKey: "hidden-secret"\n` +
  (chance(random, 0.3)
    ? `    ${pick(random, ['account: "123456789012"', 'account: 12', 'user: a\n    role: b', 'polices: []', 'policies: [all]', 'policies: [{Statement: {Effect: Allow, Action: "*", Resource: "*"}}]'])}\n`
    : '')

export const credentialsFiles: Target = {
  name: 'credentials-files',
  specimens: [
    'accessKeys:\n  - accessKeyId: "A"\n    secretAccessKey: "hidden-secret"\n    account: "123456789012"\n',
    'accessKeys: []\nroles: []\n',
    'roles: [{name: a, trust: {Statement: {Effect: Allow, Principal: "*", Action: sts:AssumeRole}}, policies: [all]}]\npolicies: {all: {Statement: []}}\n',
    'accessKeys: &a [*a]\n',
  ].map(bytesOf),
  generate: (random) =>
    bytesOf(chance(random, 0.2) ? jsonText({ accessKeys: anyTree(random, 1) }, random) : credentialsText(random)),
  words: [
    ...yamlWords,
    'accessKeyId: ',
    'secretAccessKey: ',
    'accessKeys:',
    'roles:',
    'trust: ',
    'policies: ',
    'Statement: ',
  ],
  executions: 3_000,
  check(input) {
    const text = textOf(input)
    refusedOr(
      () => parseCredentials(text, 'credentials.yaml'),
      (error) => {
        if (!(error instanceof CredentialsError)) return false
        if (error.message.includes('hidden-secret') && /secretAccessKey: "hidden-secret"/.test(text))
          throw new Broken('a message says a secret', { cause: error })
        return isShort(error.message)
      },
    )
  },
}

const keyText = (random: Random): string =>
  `keys:\n  - id: ${pick(random, ['"11111111-2222-4333-8444-555555555555"', '1', '~', '[]', '&a x'])}\n    material: "hidden-secret"\n` +
  (chance(random, 0.5)
    ? `    ${pick(random, ['aliases: [alias/a]', 'aliases: a', 'state: disabled', 'olderMaterial: [hidden-secret]', 'acount: "1"'])}\n`
    : '')

export const keyFiles: Target = {
  name: 'key-files',
  specimens: [
    `keys:\n  - id: "11111111-2222-4333-8444-555555555555"\n    material: "${'A'.repeat(43)}="\n    aliases: [alias/a]\n`,
    'keys: &a [*a]\n',
  ].map(bytesOf),
  generate: (random) => bytesOf(chance(random, 0.2) ? jsonText({ keys: anyTree(random, 1) }, random) : keyText(random)),
  words: [...yamlWords, 'id: ', 'material: ', 'olderMaterial: ', 'keys:', 'alias/'],
  executions: 3_000,
  check(input) {
    const text = textOf(input)
    refusedOr(
      () => parseKeyFile(text, 'keys.yaml'),
      (error) => {
        if (!isConfigError(error)) return false
        const { message } = error as Error
        if (message.includes('hidden-secret') && /material: "hidden-secret"/.test(text))
          throw new Broken('a message says a secret', { cause: error })
        return isShort(message)
      },
    )
  },
}
