/**
 * Who asks. Three modes: `none` wants the shape of a signature and ignores whether it is true, `keys` verifies it
 * against the credentials file, `iam` enforces policies as well. Accounts and regions are separate worlds: the
 * account comes from the access key or the session, the region from the signature's scope.
 */
import {
  type ClaimedSignature,
  KinesisError,
  readSignature,
  SigningKeyCache,
  verifySignature,
} from '@millrace/protocol'
import type { Clock } from '@millrace/std'

import type { WireRequest } from '../http/wire.ts'
import { type Principal, sessionOf } from './iam/principal.ts'
import type { Identities } from './identities.ts'
import type { Sessions } from './sessions.ts'

export const authModes = ['none', 'keys', 'iam'] as const
export type AuthMode = (typeof authModes)[number]

export interface Caller {
  /** 12 digits. */
  readonly account: string
  readonly region: string
  readonly accessKeyId: string
  /** Absent under `none`: nobody has proven anything. */
  readonly principal?: Principal
}

/** What a signature is for: it counts nowhere else. */
export type SignedService = 'kinesis' | 'sts'

export interface Authenticate {
  readonly mode: AuthMode
  /** The body's SHA-256 is needed: whoever decodes the body elsewhere computes it there. */
  readonly hashesBodies: boolean
  /** Throws KinesisError in the words of KINESIS.md §3. `payloadHash`: the body's SHA-256 in hex; then `body` is not read. */
  caller(
    request: Pick<WireRequest, 'method' | 'url' | 'headers' | 'body'>,
    payloadHash: string | undefined,
    service?: SignedService,
  ): Caller
}

export interface AuthenticateOptions {
  readonly mode: AuthMode
  readonly identities: Identities
  readonly sessions: Sessions
  readonly clock: Clock
  /** For signatures without a scope, which only `none` lets pass. */
  readonly region: string
}

/** Regions become part of ARNs and keys. */
const REGION = /^[A-Za-z0-9-]{1,64}$/

export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { mode, identities, sessions, clock } = options
  const signingKeys = new SigningKeyCache()

  const regionOf = (claim: ClaimedSignature): string => {
    const region = claim.scope?.region ?? options.region
    if (REGION.test(region)) return region
    throw new KinesisError(
      'InvalidSignatureException',
      `Credential should be scoped to a valid region, not '${region.slice(0, 64)}'. `,
    )
  }

  if (mode === 'none') {
    return {
      mode,
      hashesBodies: false,
      caller(request) {
        const claim = readSignature(request)
        const { accessKeyId, sessionToken } = claim
        // Whoever took the role of another account goes on in that.
        const session = sessionToken === undefined ? undefined : sessions.open(sessionToken)
        const account = session?.account ?? identities.accountOf(accessKeyId, undefined)
        return { account, region: regionOf(claim), accessKeyId }
      },
    }
  }

  const sessionKey = (token: string, accessKeyId: string): { secretAccessKey: string; principal: Principal } => {
    const session = sessions.open(token)
    const role = session && identities.role(session.account, session.role)
    // A role that is gone takes its sessions with it.
    if (session === undefined || role === undefined || session.accessKeyId !== accessKeyId) throw invalidToken()
    if (sessions.isOver(session))
      throw new KinesisError('ExpiredTokenException', 'The security token included in the request is expired')
    return {
      secretAccessKey: session.secretAccessKey,
      principal: sessionOf(session.account, session.role, session.name, role.policies),
    }
  }
  const lastingKey = (accessKeyId: string): { secretAccessKey: string; principal: Principal } => {
    const key = identities.key(accessKeyId)
    if (key === undefined) throw invalidToken()
    return { secretAccessKey: key.secretAccessKey, principal: identities.principalOf(key) }
  }
  return {
    mode,
    hashesBodies: true,
    caller(request, payloadHash, service = 'kinesis') {
      const claim = readSignature(request)
      const { accessKeyId, sessionToken } = claim
      const { secretAccessKey, principal } =
        sessionToken === undefined ? lastingKey(accessKeyId) : sessionKey(sessionToken, accessKeyId)
      const nowMs = clock.now()
      verifySignature(claim, request, { secretAccessKey, nowMs, keys: signingKeys, payloadHash, service })
      return { account: principal.account, region: regionOf(claim), accessKeyId, principal }
    },
  }
}

function invalidToken(): KinesisError {
  return new KinesisError('UnrecognizedClientException', 'The security token included in the request is invalid.')
}
