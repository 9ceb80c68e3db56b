import { describe, expect, it } from 'vitest'

import { KEY_A, keyFile, material } from '../testing/key-ring.ts'
import { parseKeyFile } from './key-file.ts'
import { parseKeyReference } from './master-keys.ts'

const secret = Buffer.from('this-is-the-secret-material-0001').toString('base64')
const one = `keys:\n  - id: "${KEY_A}"\n    material: "${secret}"\n`

describe('the file of master keys', () => {
  it('holds keys with aliases, state, account and older material', () => {
    const entry = {
      id: KEY_A,
      material: material(2),
      olderMaterial: [material(1)],
      aliases: ['alias/a', 'alias/team/b'],
      state: 'disabled',
      account: '123456789012',
    }
    const { byId, byAlias } = parseKeyFile(keyFile(entry), 'k.yaml')
    const found = byId.get(KEY_A)
    expect(found).toMatchObject({ id: KEY_A, isEnabled: false, account: '123456789012' })
    expect(found?.materials.map((key) => key.export()[0])).toEqual([2, 1])
    expect([byAlias.get('alias/a'), byAlias.get('alias/team/b')]).toEqual([found, found])
  })

  it.each([
    ['- x', "k.yaml: the file: expected a map with 'keys:', found a list"],
    ['kays: []', "k.yaml: kays: expected one of keys; did you mean 'keys'?"],
    ['keys: {}', 'k.yaml: keys: expected a list, found a map'],
    ['keys: [{id: x}]', 'k.yaml: keys[0].id: expected a UUID in small letters'],
    [`keys: [{id: "${KEY_A}"}]`, 'k.yaml: keys[0].material: expected 32 bytes in base64: openssl rand -base64 32'],
    [
      `${one}    stat: enabled`,
      "k.yaml: keys[0].stat: expected one of id, material, olderMaterial, aliases, state, account; did you mean 'state'?",
    ],
    [`${one}    state: gone`, 'k.yaml: keys[0].state: expected enabled or disabled'],
    [`${one}    account: "12"`, 'k.yaml: keys[0].account: expected 12 digits in quotes'],
    [
      `${one}    aliases: [orders]`,
      "k.yaml: keys[0].aliases[0]: expected 'alias/' and letters, digits, '/', '_' or '-'",
    ],
    [
      `${one}    aliases: [alias/a, alias/a]`,
      'k.yaml: keys[0].aliases[1]: expected an alias of its own; it came before',
    ],
    [
      `${one}    olderMaterial: ["${secret.slice(4)}"]`,
      'k.yaml: keys[0].olderMaterial[0]: expected 32 bytes in base64',
    ],
    [`${one}${one.slice('keys:\n'.length)}`, 'k.yaml: keys[1].id: expected an id of its own; it came before'],
  ])('%j is refused with its place', (text, message) => {
    expect(() => parseKeyFile(text, 'k.yaml')).toThrow(message)
  })

  it('never repeats material, wherever it was written by mistake', () => {
    const wrong = [
      `${one}    : {`,
      `keys: [{id: "${secret}"}]`,
      `keys: [{id: "${KEY_A}", material: "${secret}="}]`,
      `keys: [{id: "${KEY_A}", material:${secret}}]`,
      `${one}    state: "${secret}"`,
      `${one}    account: "${secret}"`,
      `${one}    aliases: ["${secret}"]`,
      `"${secret}"`,
    ]
    for (const text of wrong) expect(() => parseKeyFile(text, 'k.yaml')).toThrow(/^k\.yaml/)
    for (const text of wrong)
      expect(() => parseKeyFile(text, 'k.yaml')).not.toThrow(new RegExp(secret.slice(0, 12).replaceAll('+', '.')))
  })
})

describe('a KeyId', () => {
  const account = '123456789012'
  it.each([
    [KEY_A, { kind: 'key', id: KEY_A }, undefined],
    ['alias/a/b_c-1', { kind: 'alias', alias: 'alias/a/b_c-1' }, undefined],
    [`arn:aws:kms:eu-west-1:${account}:key/${KEY_A}`, { kind: 'key', id: KEY_A }, 'eu-west-1'],
    [`arn:aws-cn:kms:cn-north-1:${account}:alias/x`, { kind: 'alias', alias: 'alias/x' }, 'cn-north-1'],
  ])('may be %s', (keyId, name, region) => {
    expect(parseKeyReference(keyId)).toEqual({ name, region, account: region === undefined ? undefined : account })
  })

  it.each([
    '',
    'x',
    'alias/',
    `${KEY_A} `,
    `key/${KEY_A}`,
    `arn:aws:s3:::${KEY_A}`,
    `arn:aws:kms:eu-west-1:1:key/${KEY_A}`,
  ])('is not %j', (keyId) => {
    expect(parseKeyReference(keyId)).toBeUndefined()
  })
})
