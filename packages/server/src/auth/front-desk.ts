/** All that decides who a caller is: the keys and roles in force, sessions, signatures, and the service that tells. */
import type { Clock, Random } from '@millrace/std'

import type { TokenSeal } from '../streams/sealed-token.ts'
import type { Audit } from './audit.ts'
import { type Authenticate, type AuthMode, createAuthenticate } from './authenticate.ts'
import type { Credentials } from './credentials.ts'
import { Identities } from './identities.ts'
import { Sessions } from './sessions.ts'
import { createSts, type Sts } from './sts.ts'

export interface FrontDeskOptions {
  readonly mode: AuthMode
  /** Those in force now. Default: none, as under `none`. */
  readonly credentials?: () => Credentials
  /** Of access keys and roles that name none. 12 digits. */
  readonly account: string
  /** For signatures without a scope, which only `none` lets pass. */
  readonly region: string
  /** Of session tokens: the same for all servers of a catalog. */
  readonly seal: TokenSeal
  /** By which sessions end. */
  readonly clock: Clock
  /** What signatures are held against. Default: the same. */
  readonly signatureClock?: Clock
  readonly random: Random
  /** Absent: there is no audit log. */
  readonly audit?: Audit
}

export interface FrontDesk {
  readonly authenticate: Authenticate
  readonly sts: Sts
  readonly audit?: Audit
}

export const noCredentials: Credentials = { accessKeys: new Map(), roles: [] }

export function openFrontDesk(options: FrontDeskOptions): FrontDesk {
  const {
    mode,
    credentials = () => noCredentials,
    account,
    region,
    seal,
    clock,
    signatureClock = clock,
    random,
    audit,
  } = options
  const identities = new Identities({ credentials, account })
  const sessions = new Sessions(seal, clock, random)
  const authenticate = createAuthenticate({ mode, identities, sessions, clock: signatureClock, region })
  const sts = createSts({ authenticate, identities, sessions, clock, audit })
  return { authenticate, sts, ...(audit === undefined ? {} : { audit }) }
}
