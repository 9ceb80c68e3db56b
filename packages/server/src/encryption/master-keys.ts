/**
 * Master keys: what data keys are wrapped with. They are named as AWS KMS names its keys, so that requests written for
 * it mean something here.
 */
import type { KeyObject } from 'node:crypto'

/** The name under which the service has a key of its own. */
export const SERVICE_ALIAS = 'alias/aws/kinesis'

export interface MasterKey {
  /** As KMS has them: a UUID. */
  readonly id: string
  readonly isEnabled: boolean
  /** 12 digits: the account whose streams alone it serves. Undefined: all. */
  readonly account: string | undefined
  /** 256 bits each, the newest first: that one wraps, all unwrap. */
  readonly materials: readonly [KeyObject, ...KeyObject[]]
}

/** An id, or an alias with its `alias/`. */
export type KeyName = { readonly kind: 'key'; readonly id: string } | { readonly kind: 'alias'; readonly alias: string }

/** Keys by their names. */
export interface MasterKeySet {
  readonly byId: ReadonlyMap<string, MasterKey>
  readonly byAlias: ReadonlyMap<string, MasterKey>
}

/** Where master keys come from. What is found is another object when anything about it has changed. */
export interface MasterKeys {
  find(name: KeyName): MasterKey | undefined
  /** The key of SERVICE_ALIAS, durable; made if there is none. */
  serviceKey(): Promise<MasterKey>
}

export function findIn(keys: MasterKeySet, name: KeyName): MasterKey | undefined {
  return name.kind === 'key' ? keys.byId.get(name.id) : keys.byAlias.get(name.alias)
}

export const KEY_ID_PATTERN = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
export const ALIAS_PATTERN = 'alias/[a-zA-Z0-9/_-]{1,250}'

const reference = new RegExp(
  `^(?:arn:aws[a-z-]*:kms:(?<region>[^:]+):(?<account>\\d{12}):(?:key/(?<keyOfArn>${KEY_ID_PATTERN})|(?<aliasOfArn>${ALIAS_PATTERN}))` +
    `|(?<key>${KEY_ID_PATTERN})|(?<alias>${ALIAS_PATTERN}))$`,
)

export interface KeyReference {
  readonly name: KeyName
  /** Of an ARN. */
  readonly region: string | undefined
  readonly account: string | undefined
}

/** A KeyId in one of its four forms: id, ARN of a key, alias, ARN of an alias. `undefined`: it is none. */
export function parseKeyReference(keyId: string): KeyReference | undefined {
  const found = reference.exec(keyId)?.groups
  if (found === undefined) return undefined
  const { region, account, keyOfArn, aliasOfArn, key = keyOfArn, alias = aliasOfArn ?? '' } = found
  return { name: key === undefined ? { kind: 'alias', alias } : { kind: 'key', id: key }, region, account }
}
