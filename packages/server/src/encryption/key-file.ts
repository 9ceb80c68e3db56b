/**
 * The file of master keys: YAML, read strictly (docs/formats/kms-keys.md). Messages name the place, never what stands
 * there.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'

import { ConfigError } from '../config-error.ts'
import { YamlShape } from '../yaml-shape.ts'
import { ALIAS_PATTERN, KEY_ID_PATTERN, type MasterKey, type MasterKeySet } from './master-keys.ts'

export const MATERIAL_BYTES = 32
/** A data key is tried with each in turn. */
const MATERIALS_MAX = 64

const topLevel = ['keys']
const members = ['id', 'material', 'olderMaterial', 'aliases', 'state', 'account']
const idPattern = new RegExp(`^${KEY_ID_PATTERN}$`)
const aliasPattern = new RegExp(`^${ALIAS_PATTERN}$`)

/** `file` is the name for messages. Throws ConfigError. */
export function parseKeyFile(text: string, file: string): MasterKeySet {
  const shape = new YamlShape(file, ConfigError)
  const root = shape.map(shape.parse(text), '', "a map with 'keys:'", topLevel)
  const byId = new Map<string, MasterKey>()
  const byAlias = new Map<string, MasterKey>()
  for (const [index, value] of shape.list(root['keys'] ?? [], 'keys').entries()) {
    const path = `keys[${index}]`
    const entry = shape.map(value, path, 'a map with id and material', members)
    const key = parseKey(entry, path, shape)
    if (byId.has(key.id)) shape.fail(`${path}.id`, 'an id of its own; it came before')
    byId.set(key.id, key)
    for (const [i, alias] of shape.list(entry['aliases'] ?? [], `${path}.aliases`).entries()) {
      const name = shape.text(alias, `${path}.aliases[${i}]`) ?? ''
      if (!aliasPattern.test(name)) shape.fail(`${path}.aliases[${i}]`, "'alias/' and letters, digits, '/', '_' or '-'")
      if (byAlias.has(name)) shape.fail(`${path}.aliases[${i}]`, 'an alias of its own; it came before')
      byAlias.set(name, key)
    }
  }
  return { byId, byAlias }
}

function parseKey(entry: Readonly<Record<string, unknown>>, path: string, shape: YamlShape): MasterKey {
  const text = (name: string): string | undefined => shape.text(entry[name], `${path}.${name}`)
  const id = text('id') ?? ''
  if (!idPattern.test(id)) shape.fail(`${path}.id`, 'a UUID in small letters')
  const newest = material(entry['material'], `${path}.material`, shape)
  const older = shape.list(entry['olderMaterial'] ?? [], `${path}.olderMaterial`)
  if (older.length >= MATERIALS_MAX) shape.fail(`${path}.olderMaterial`, `fewer than ${MATERIALS_MAX}`)
  const state = text('state') ?? 'enabled'
  if (state !== 'enabled' && state !== 'disabled') shape.fail(`${path}.state`, 'enabled or disabled')
  const account = text('account')
  if (account !== undefined && !/^\d{12}$/.test(account)) shape.fail(`${path}.account`, '12 digits in quotes')
  const materials = older.map((value, i) => material(value, `${path}.olderMaterial[${i}]`, shape))
  return { id, isEnabled: state === 'enabled', account, materials: [newest, ...materials] }
}

function material(value: unknown, path: string, shape: YamlShape): KeyObject {
  const text = shape.text(value, path) ?? ''
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== MATERIAL_BYTES || bytes.toString('base64') !== text)
    shape.fail(path, `${MATERIAL_BYTES} bytes in base64: openssl rand -base64 ${MATERIAL_BYTES}`)
  return createSecretKey(bytes)
}

export interface PrintedKey {
  readonly id: string
  readonly material: Uint8Array
  readonly alias: string
}

/** A file with one key, as the server makes it. */
export function printKeyFile({ id, material: bytes, alias }: PrintedKey): string {
  return `# The key of this Millrace server for ${alias}. Without it, what is encrypted under it cannot be read: keep a copy.
keys:
  - id: "${id}"
    material: "${Buffer.from(bytes).toString('base64')}"
    aliases: ["${alias}"]
`
}
