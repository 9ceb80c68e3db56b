import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Logger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { CredentialsFile } from './credentials-file.ts'
import { parseCredentials } from './credentials.ts'

const one = 'accessKeys:\n  - accessKeyId: A\n    secretAccessKey: very-secret\n'

describe('the credentials file', () => {
  it('holds keys with account and user, and what is for later', () => {
    const { accessKeys } = parseCredentials(
      `${one}    account: "123456789012"\n    user: ann\n    policies: [readers]\npolicies: {readers: {}}\nroles: []\n`,
      'c.yaml',
    )
    expect(accessKeys.get('A')).toEqual({
      accessKeyId: 'A',
      secretAccessKey: 'very-secret',
      account: '123456789012',
      user: 'ann',
      role: undefined,
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
    expect(first.find(id)?.secretAccessKey).toBe(first.created?.secretAccessKey)
    const second = await open(path)
    expect(second.created).toBeUndefined()
    expect(second.find(id)).toEqual(first.find(id))
    expect(messages.join()).not.toContain(first.created?.secretAccessKey)
  })

  it('counts when it is edited, and stays in force when an edit is wrong', async () => {
    const path = join(folder, 'credentials.yaml')
    await writeFile(path, one)
    const file = await open(path)
    await writeFile(path, one.replace(' A', ' Beta'))
    await file.look()
    expect(file.find('A')).toBeUndefined()
    expect(file.find('Beta')?.secretAccessKey).toBe('very-secret')
    await writeFile(path, 'accessKeys: 3')
    await file.look()
    await file.look()
    expect(file.find('Beta')?.secretAccessKey).toBe('very-secret')
    expect(messages.filter((message) => message.includes('stay in force'))).toHaveLength(1)
    await rm(path)
    await file.look()
    expect(file.find('Beta')).toBeDefined()
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
