/**
 * Temporary credentials: an access key of a role's session whose token is sealed with the key that all servers of a
 * catalog share, so that each of them knows the session, its secret and its end without anything being kept. What the
 * role may do is looked up when it is used.
 */
import type { Clock, Random } from '@millrace/std'

import type { TokenSeal } from '../streams/sealed-token.ts'
import { newSecret } from './new-secret.ts'

export interface Session {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The role's. 12 digits. */
  readonly account: string
  readonly role: string
  /** RoleSessionName. */
  readonly name: string
  /** Ms since the epoch. */
  readonly expiresMs: number
}

const PURPOSE = 'session-token'

export class Sessions {
  readonly #seal: TokenSeal
  readonly #clock: Clock
  readonly #random: Random

  constructor(seal: TokenSeal, clock: Clock, random: Random) {
    this.#seal = seal
    this.#clock = clock
    this.#random = random
  }

  issue(
    { account, role, name }: Pick<Session, 'account' | 'role' | 'name'>,
    durationS: number,
  ): { readonly session: Session; readonly token: string } {
    const expiresMs = (Math.floor(this.#clock.now() / 1000) + durationS) * 1000
    const session: Session = { ...newSecret('ASIA', this.#random), account, role, name, expiresMs }
    return { session, token: this.#seal.seal(PURPOSE, Buffer.from(JSON.stringify(session))) }
  }

  /** The session that a token opens, expired or not; `undefined` if it is none of ours. */
  open(token: string): Session | undefined {
    const bytes = this.#seal.open(PURPOSE, token)
    // Only our own key can have sealed it, so its shape is trusted.
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as Session)
  }

  isOver({ expiresMs }: Session): boolean {
    return this.#clock.now() >= expiresMs
  }
}
