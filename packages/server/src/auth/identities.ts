/**
 * Who an access key or a session of a role is: the credentials that are in force, as principals. A principal of a key
 * is made once and kept with it, so that decisions about it can be remembered.
 */
import type { AccessKey, Credentials, Role } from './credentials.ts'
import { type Principal, rootOf, sessionOf, userOf } from './iam/principal.ts'

export interface IdentitiesOptions {
  /** Those in force now: the file behind them may change. */
  readonly credentials: () => Credentials
  /** Of keys and roles that name none. 12 digits. */
  readonly account: string
}

export class Identities {
  readonly #options: IdentitiesOptions
  /** A key that was read again is another one. */
  readonly #principals = new WeakMap<AccessKey, Principal>()

  constructor(options: IdentitiesOptions) {
    this.#options = options
  }

  key(accessKeyId: string): AccessKey | undefined {
    return this.#options.credentials().accessKeys.get(accessKeyId)
  }

  role(account: string, name: string): Role | undefined {
    return this.#options
      .credentials()
      .roles.find((role) => role.name === name && (role.account ?? this.#options.account) === account)
  }

  /** The account that an access key stands for; `key`: as the file has it. */
  accountOf(accessKeyId: string, key: AccessKey | undefined): string {
    return key?.account ?? (/^\d{12}$/.test(accessKeyId) ? accessKeyId : this.#options.account)
  }

  principalOf(key: AccessKey): Principal {
    let principal = this.#principals.get(key)
    if (principal === undefined) this.#principals.set(key, (principal = this.#principal(key)))
    return principal
  }

  #principal(key: AccessKey): Principal {
    const { accessKeyId, user, role, policies } = key
    const account = this.accountOf(accessKeyId, key)
    if (user !== undefined) return userOf(account, user, policies)
    if (role === undefined) return rootOf(account, policies)
    return sessionOf(account, role, accessKeyId, [...policies, ...(this.role(account, role)?.policies ?? [])])
  }
}
