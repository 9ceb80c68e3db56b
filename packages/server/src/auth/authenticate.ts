/**
 * Who asks. Three modes: `none` wants the shape of a signature and ignores whether it is true, `keys` verifies it
 * against the credentials file, `iam` will enforce policies as well. Accounts and regions are separate worlds: the
 * account comes from the access key, the region from the signature's scope.
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
import type { AccessKey } from './credentials.ts'

export type AuthMode = 'none' | 'keys'

export interface Caller {
  /** 12 digits. */
  readonly account: string
  readonly region: string
  readonly accessKeyId: string
}

export interface Authenticate {
  /** The body's SHA-256 is needed: whoever decodes the body elsewhere computes it there. */
  readonly hashesBodies: boolean
  /** Throws KinesisError in the words of KINESIS.md §3. `payloadHash`: the body's SHA-256 in hex; then `body` is not read. */
  caller(request: Pick<WireRequest, 'method' | 'url' | 'headers' | 'body'>, payloadHash: string | undefined): Caller
}

export interface AuthenticateOptions {
  readonly mode: AuthMode
  /** The key of that id, now: the file behind it may change. */
  readonly findKey: (accessKeyId: string) => AccessKey | undefined
  readonly clock: Clock
  /** For access keys that name no account. 12 digits. */
  readonly account: string
  /** For signatures without a scope, which only `none` lets pass. */
  readonly region: string
}

const ACCOUNT = /^\d{12}$/
/** Regions become part of ARNs and keys. */
const REGION = /^[A-Za-z0-9-]{1,64}$/

export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { mode, findKey, clock } = options
  const signingKeys = new SigningKeyCache()

  const callerOf = (claim: ClaimedSignature, key: AccessKey | undefined): Caller => {
    const region = claim.scope?.region ?? options.region
    if (!REGION.test(region)) {
      throw new KinesisError(
        'InvalidSignatureException',
        `Credential should be scoped to a valid region, not '${region.slice(0, 64)}'. `,
      )
    }
    const { accessKeyId } = claim
    return { account: key?.account ?? (ACCOUNT.test(accessKeyId) ? accessKeyId : options.account), region, accessKeyId }
  }

  if (mode === 'none') {
    return { hashesBodies: false, caller: (request) => callerOf(readSignature(request), undefined) }
  }
  return {
    hashesBodies: true,
    caller(request, payloadHash) {
      const claim = readSignature(request)
      const key = findKey(claim.accessKeyId)
      // Keys from the file are lasting ones: a session token with one is not ours.
      if (key === undefined || claim.sessionToken !== undefined) {
        throw new KinesisError('UnrecognizedClientException', 'The security token included in the request is invalid.')
      }
      const { secretAccessKey } = key
      verifySignature(claim, request, { secretAccessKey, nowMs: clock.now(), keys: signingKeys, payloadHash })
      return callerOf(claim, key)
    },
  }
}
