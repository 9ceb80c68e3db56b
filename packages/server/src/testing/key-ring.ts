/** Master keys for tests: those of a text in the form of the key file, which a test may replace at any time. */
import { parseKeyFile } from '../encryption/key-file.ts'
import { findIn, type KeyName, type MasterKey, type MasterKeys, SERVICE_ALIAS } from '../encryption/master-keys.ts'

export const KEY_A = 'aaaaaaaa-0000-4000-8000-000000000001'
export const KEY_B = 'bbbbbbbb-0000-4000-8000-000000000002'

/** Material that differs by number, in base64. */
export function material(number: number): string {
  return Buffer.alloc(32, number).toString('base64')
}

export interface TestKey {
  readonly id: string
  readonly material: string
  readonly olderMaterial?: readonly string[]
  readonly aliases?: readonly string[]
  readonly state?: string
  readonly account?: string
}

/** The text of a key file. JSON is YAML. */
export function keyFile(...keys: readonly TestKey[]): string {
  return JSON.stringify({ keys })
}

export class KeyRing implements MasterKeys {
  #keys = parseKeyFile('keys: []', 'keys')

  constructor(...keys: readonly TestKey[]) {
    this.set(...keys)
  }

  set(...keys: readonly TestKey[]): void {
    this.#keys = parseKeyFile(keyFile(...keys), 'keys')
  }

  find(name: KeyName): MasterKey | undefined {
    return findIn(this.#keys, name)
  }

  serviceKey(): Promise<MasterKey> {
    const key = this.find({ kind: 'alias', alias: SERVICE_ALIAS })
    return key === undefined ? Promise.reject(new Error('no service key in this test')) : Promise.resolve(key)
  }
}
