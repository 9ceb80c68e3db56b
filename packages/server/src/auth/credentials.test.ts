import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Logger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { CredentialsFile } from './credentials-file.ts'
import { parseCredentials } from './credentials.ts'

const readers = 'policies: {readers: {Statement: [{Effect: Allow, Action: kinesis:Get*, Resource: "*"}]}}\n'
const one = 'accessKeys:\n  - accessKeyId: A\n    secretAccessKey: very-secret\n'

describe('the credentials file', () => {
  it('holds keys with account, user and policies', () => {
    const { accessKeys } = parseCredentials(
      `${one}    account: "123456789012"\n    user: ann\n    policies: [readers]\n${readers}`,
      'c.yaml',
    )
    expect(accessKeys.get('A')).toEqual({
      accessKeyId: 'A',
      secretAccessKey: 'very-secret',
      account: '123456789012',
      user: 'ann',
      role: undefined,
      policies: [expect.objectContaining({ isConstant: true })],
    })
  })

  it.each([
    ['- x', "c.yaml: the file: expected a map with 'accessKeys:', found a list"],
    [
      'accessKeys: [{accessKeyId: A, secretAccessKey:wJalrXUtnFEMI}]',
      'c.yaml: accessKeys[0].?: expected one of accessKeyId, secretAccessKey, account, user, role, policies, found a name of 29 characters',
    ],
    ['acessKeys: []', "c.yaml: acessKeys: expected one of accessKeys, roles, policies; did you mean 'accessKeys'?"],
    ['accessKeys: {}', 'c.yaml: accessKeys: expected a list, found a map'],
    ['accessKeys: [3]', 'c.yaml: accessKeys[0]: expected a map with accessKeyId and secretAccessKey, found a number'],
    ['accessKeys: [{accessKeyId: A}]', 'c.yaml: accessKeys[0].secretAccessKey: expected text, found nothing'],
    [`${one}    account: 123456789012`, 'c.yaml: accessKeys[0].account: expected text in quotes, found a number'],
    [`${one}    account: "12"`, 'c.yaml: accessKeys[0].account: expected 12 digits in quotes'],
    [`${one}    user: a\n    role: b`, 'c.yaml: accessKeys[0]: expected user or role, not both'],
    [
      `${one}${one.split('\n').slice(1).join('\n')}`,
      "c.yaml: accessKeys[1].accessKeyId: expected an id of its own; 'A' came before",
    ],
  ])('%j is refused with its place', (text, message) => {
    expect(() => parseCredentials(text, 'c.yaml')).toThrow(message)
  })

  it('holds roles: who may assume them, what they may do, for how long', () => {
    const trust = 'trust: {Statement: {Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:AssumeRole"}}'
    const { roles } = parseCredentials(
      `roles:\n  - {name: a, ${trust}}\n  - {name: a, account: "123456789012", ${trust}, policies: [readers], maxSessionDuration: 7200}\n${readers}`,
      'c.yaml',
    )
    expect(roles).toMatchObject([
      { name: 'a', account: undefined, policies: [], maxSessionS: 3_600 },
      { name: 'a', account: '123456789012', policies: [{ isConstant: true }], maxSessionS: 7_200 },
    ])
    expect(() => parseCredentials(`roles: [{name: a, ${trust}}, {name: a, ${trust}}]`, 'c.yaml')).toThrow(
      'c.yaml: roles[1].name: expected a name of its own in its account',
    )
  })

  it.each([
    [
      `${one}    policies: readers`,
      'c.yaml: accessKeys[0].policies: expected a list of policies or names of them, found text',
    ],
    [
      `${one}    policies: [reader]\n${readers}`,
      "c.yaml: accessKeys[0].policies[0]: expected a policy, or the name of one of 'policies:'",
    ],
    [`${one}    policies: [{}]`, 'c.yaml: accessKeys[0].policies[0].Statement: expected one or more statements'],
    [
      'policies: {p: {Statement: {Effect: allow}}}',
      "c.yaml: policies.p.Statement[0].Effect: expected 'Allow' or 'Deny'",
    ],
    [
      'policies: {p: {Statement: [{Effect: Allow, Action: "*", Resource: orders}]}}',
      "c.yaml: policies.p.Statement[0].Resource: expected '*' or ARNs",
    ],
    [
      'policies: {p: {Statement: [{Effect: Allow, Action: PutRecord, Resource: "*"}]}}',
      "Statement[0].Action: expected '*' or actions like kinesis:PutRecord",
    ],
    [
      'policies: {p: {Statement: [{Effect: Allow, Principal: "*", Action: "*", Resource: "*"}]}}',
      'Statement[0].Principal: expected none: the policy belongs to who asks',
    ],
    ['policies: {p: {Version: 2012, Statement: []}}', "c.yaml: policies.p.Version: expected '2012-10-17'"],
    ['roles: [{name: a}]', 'c.yaml: roles[0].trust: expected a map with Version and Statement'],
    [
      'roles: [{name: a, trust: {Statement: {Effect: Allow, Principal: "*", Action: "*", Resource: "*"}}}]',
      'roles[0].trust.Statement[0].Resource: expected none: a trust policy is about its role',
    ],
    ['roles: [{name: a/b}]', 'c.yaml: roles[0].name: expected 1 to 64 letters, digits or _+=,.@-'],
    [
      'roles: [{name: a, maxSessionDuration: 60}]',
      'c.yaml: roles[0].maxSessionDuration: expected whole seconds from 3600 to 43200',
    ],
  ])('%j is refused with its place in the policy', (text, message) => {
    expect(() => parseCredentials(text, 'c.yaml')).toThrow(message)
  })

  it('never repeats a secret, not even of a line it cannot parse', () => {
    for (const broken of [`${one}    : {`, `${one}    user: [very-secret`, `${one}   bad: "very-secret`]) {
      expect(() => parseCredentials(broken, 'c.yaml')).toThrow(/^c\.yaml(?![^]*very-secret)/)
    }
  })
})

describe('the credentials file on disk', () => {
  let folder = ''
  const messages: string[] = []
  const note = (message: string): void => void messages.push(message)
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const open = (path: string) =>
    CredentialsFile.open({ path, clock: new VirtualClock(), random: seededRandom(3), logger })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-credentials-'))
    messages.length = 0
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is made with one key, readable by its owner only, and told once', async () => {
    const path = join(folder, 'below', 'credentials.yaml')
    const first = await open(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const id = first.created?.accessKeyId ?? ''
    expect(id).toMatch(/^AKIA[A-Z2-7]{16}$/)
    expect(first.current.accessKeys.get(id)?.secretAccessKey).toBe(first.created?.secretAccessKey)
    const second = await open(path)
    expect(second.created).toBeUndefined()
    expect(second.current.accessKeys.get(id)?.secretAccessKey).toBe(first.created?.secretAccessKey)
    expect(second.current.accessKeys.get(id)?.policies).toHaveLength(1)
    expect(messages.join()).not.toContain(first.created?.secretAccessKey)
  })

  it('counts when it is edited, and stays in force when an edit is wrong', async () => {
    const path = join(folder, 'credentials.yaml')
    await writeFile(path, one)
    const file = await open(path)
    await writeFile(path, one.replace(' A', ' Beta'))
    await file.look()
    expect(file.current.accessKeys.get('A')).toBeUndefined()
    expect(file.current.accessKeys.get('Beta')?.secretAccessKey).toBe('very-secret')
    await writeFile(path, 'accessKeys: 3')
    await file.look()
    await file.look()
    expect(file.current.accessKeys.get('Beta')?.secretAccessKey).toBe('very-secret')
    expect(messages.filter((message) => message.includes('stay in force'))).toHaveLength(1)
    await rm(path)
    await file.look()
    expect(file.current.accessKeys.get('Beta')).toBeDefined()
    file.close()
  })

  it('that is wrong at the start is an error', async () => {
    const path = join(folder, 'credentials.yaml')
    await writeFile(path, 'x: 1')
    await chmod(path, 0o600)
    await expect(open(path)).rejects.toThrow('expected one of accessKeys')
    expect(await readFile(path, 'utf8')).toBe('x: 1')
  })
})
