import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Logger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { KEY_A, KEY_B, keyFile, material } from '../testing/key-ring.ts'
import { LocalKeys, SERVICE_KEY_FILE } from './local-keys.ts'
import { SERVICE_ALIAS } from './master-keys.ts'

const serviceAlias = { kind: 'alias', alias: SERVICE_ALIAS } as const
const byId = (id: string) => ({ kind: 'key', id }) as const

describe('the keys of a machine', () => {
  let folder = ''
  const messages: string[] = []
  const note = (message: string): void => void messages.push(message)
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const open = (file: string | undefined, directory: string | undefined = folder) =>
    LocalKeys.open({ file, directory, clock: new VirtualClock(), random: seededRandom(3), logger })
  const path = (name: string): string => join(folder, name)

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-keys-'))
    messages.length = 0
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('have one of the service’s own, made when it is first wanted, for its owner only, and found again', async () => {
    const keys = await open(undefined)
    expect(keys.find(serviceAlias)).toBeUndefined()
    expect(await readdir(folder)).toEqual([])
    const [made, same] = await Promise.all([keys.serviceKey(), keys.serviceKey()])
    expect(same).toBe(made)
    expect(await readdir(folder)).toEqual([SERVICE_KEY_FILE])
    expect((await stat(path(SERVICE_KEY_FILE))).mode & 0o777).toBe(0o600)
    const secret = made.materials[0].export().toString('base64')
    expect(await readFile(path(SERVICE_KEY_FILE), 'utf8')).toContain(secret)
    expect(messages.join()).not.toContain(secret)
    keys.close()

    const again = await open(undefined)
    expect(again.find(byId(made.id))?.materials[0].equals(made.materials[0])).toBe(true)
    expect(await again.serviceKey()).toBe(again.find(serviceAlias))
    again.close()
  })

  it('are made for one life where nothing is kept', async () => {
    const keys = await LocalKeys.open({
      file: undefined,
      directory: undefined,
      clock: new VirtualClock(),
      random: seededRandom(3),
      logger,
    })
    const made = await keys.serviceKey()
    expect(keys.find(byId(made.id))).toBe(made)
    keys.close()
  })

  it('count as the file has them now; a wrong edit changes nothing and is said once', async () => {
    const file = path('keys.yaml')
    await writeFile(file, keyFile({ id: KEY_A, material: material(1), aliases: [SERVICE_ALIAS] }))
    const keys = await open(file)
    const first = keys.find(byId(KEY_A))
    expect(await keys.serviceKey()).toBe(first)
    await keys.look()
    expect(keys.find(byId(KEY_A))).toBe(first)
    await writeFile(
      file,
      keyFile({ id: KEY_A, material: material(1), state: 'disabled' }, { id: KEY_B, material: material(2) }),
    )
    await keys.look()
    expect([keys.find(byId(KEY_A))?.isEnabled, keys.find(byId(KEY_B))?.isEnabled]).toEqual([false, true])
    await writeFile(file, 'keys: 3')
    await keys.look()
    await keys.look()
    await rm(file)
    await keys.look()
    expect(keys.find(byId(KEY_B))?.isEnabled).toBe(true)
    expect(messages.filter((message) => message.includes('the keys before this edit stay in force'))).toHaveLength(2)
    keys.close()
  })

  it('that are wrong or not there at the start are errors', async () => {
    await expect(open(path('none.yaml'))).rejects.toThrow(`kms-key-file: there is no file ${path('none.yaml')}`)
    await writeFile(path(SERVICE_KEY_FILE), 'keys: 3')
    await expect(open(undefined)).rejects.toThrow('keys: expected a list, found a number')
  })
})
