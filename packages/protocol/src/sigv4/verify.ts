/**
 * Whether a claimed signature is true: the scope fits, the time is near, the signed headers cover what matters, the
 * body is the one that was signed, and the signature is what the secret gives. Compared in constant time.
 */
import { timingSafeEqual } from 'node:crypto'
import { KinesisError } from '../errors.ts'
import { ALGORITHM, canonicalRequest, sha256Hex, stringToSign, timestampOf } from './canonical.ts'
import type { SignableRequest } from './canonical.ts'
import type { ClaimedSignature } from './signature.ts'
import type { SigningKeyCache } from './signing-key.ts'

/** How far the caller's clock may be from ours, either way: 5 minutes, as the service has it. */
export const CLOCK_SKEW_MAX_MS = 5 * 60 * 1000
/** The longest that a signed address is good for: seven days, as everywhere in AWS. */
const EXPIRES_MAX_S = 604_800

/** 32 bytes in hexadecimal digits. */
const SIGNATURE_DIGITS = 64

const MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.'

export interface VerifyOptions {
  /** Of the access key that the claim names. */
  readonly secretAccessKey: string
  /** Our time, ms since the epoch. */
  readonly nowMs: number
  readonly keys: SigningKeyCache
  /** The service that the scope must name. Default: `kinesis`. */
  readonly service?: string
  /** SHA-256 of the body in lower-case hexadecimal digits, if it is known already; the body is then not looked at. */
  readonly payloadHash?: string | undefined
}

/** Throws InvalidSignatureException or IncompleteSignatureException unless the claim is true. */
export function verifySignature(claim: ClaimedSignature, request: SignableRequest, options: VerifyOptions): void {
  const timestamp = parseTimestamp(claim)
  const { scope } = claim
  const expected = options.service ?? 'kinesis'
  if (scope === undefined) {
    throw new KinesisError(
      'IncompleteSignatureException',
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" +
        `${claim.credential.slice(0, PRINTED_MAX)}'`,
    )
  }
  if (scope.service !== expected) {
    throw invalid(`Credential should be scoped to correct service: '${expected}'. `)
  }
  if (scope.day !== timestamp.text.slice(0, 8)) {
    throw invalid(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${scope.day.slice(0, PRINTED_MAX)}' != '${timestamp.text.slice(0, 8)}', from '${timestamp.text}'.`,
    )
  }
  checkTime(timestamp, claim, options.nowMs)
  const { signedHeaders } = claim
  if (claim.algorithm !== ALGORITHM || !namesEachOnce(signedHeaders)) throw invalid(MISMATCH)
  if (!coversWhatMatters(signedHeaders, request.headers)) throw invalid(MISMATCH)

  const payloadHash = options.payloadHash ?? sha256Hex(request.body)
  const announced = request.headers['x-amz-content-sha256']
  // A body that nobody signed (UNSIGNED-PAYLOAD) is not taken: docs/decisions/012.
  if (announced !== undefined && announced !== payloadHash) throw invalid(MISMATCH)
  const canonical = canonicalRequest(request, claim.signedHeaders, payloadHash)
  if (canonical === undefined) throw invalid(MISMATCH)
  const signature = options.keys
    .get(options.secretAccessKey, scope)
    .sign(stringToSign(timestamp.text, scope, canonical))
  if (!equalInConstantTime(signature, claim.signature)) throw invalid(MISMATCH)
}

/** Bytes of a caller's text that a message repeats. */
const PRINTED_MAX = 256

/**
 * No name twice: what is signed would otherwise be as long as the list of names times the longest header, hundreds of
 * megabytes of a request of 32 KiB.
 */
function namesEachOnce(signed: readonly string[]): boolean {
  if (knownDistinct.has(signed)) return true
  if (new Set(signed).size !== signed.length) return false
  knownDistinct.add(signed)
  return true
}

/** Lists that were looked at: readSignature gives the same one for many requests. */
const knownDistinct = new WeakSet<readonly string[]>()

/** The host, because a signature counts for one service only; the target, because it says what is to be done. */
function coversWhatMatters(signed: readonly string[], headers: SignableRequest['headers']): boolean {
  if (!signed.includes('host') && !signed.includes(':authority')) return false
  return headers['x-amz-target'] === undefined || signed.includes('x-amz-target')
}

interface Timestamp {
  /** `20150830T123600Z`. */
  readonly text: string
  readonly ms: number
}

/** Many requests are signed in one second. */
let lastTimestamp: Timestamp = { text: '', ms: 0 }

function parseTimestamp(claim: ClaimedSignature): Timestamp {
  if (claim.date !== lastTimestamp.text) lastTimestamp = readTimestamp(claim)
  return lastTimestamp
}

function readTimestamp({ date }: ClaimedSignature): Timestamp {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(date)
  const ms =
    match === null
      ? Date.parse(date)
      : Date.UTC(
          +(match[1] ?? 0),
          +(match[2] ?? 0) - 1,
          +(match[3] ?? 0),
          +(match[4] ?? 0),
          +(match[5] ?? 0),
          +(match[6] ?? 0),
        )
  if (Number.isNaN(ms)) {
    throw new KinesisError(
      'IncompleteSignatureException',
      `Date must be in ISO-8601 'basic format'. Got '${date.slice(0, PRINTED_MAX)}'. ` +
        'See http://en.wikipedia.org/wiki/ISO_8601',
    )
  }
  return { text: match === null ? timestampOf(ms) : date, ms }
}

function checkTime({ text, ms }: Timestamp, claim: ClaimedSignature, nowMs: number): void {
  if (ms > nowMs + CLOCK_SKEW_MAX_MS) {
    const latest = timestampOf(nowMs + CLOCK_SKEW_MAX_MS)
    throw invalid(`Signature not yet current: ${text} is still later than ${latest} (${timestampOf(nowMs)} + 5 min.)`)
  }
  const lifeMs = claim.expiresS === undefined ? CLOCK_SKEW_MAX_MS : Math.min(claim.expiresS, EXPIRES_MAX_S) * 1000
  if (ms < nowMs - lifeMs) {
    const allowed = `${timestampOf(nowMs)} - ${Math.round(lifeMs / 60_000)} min.`
    throw invalid(`Signature expired: ${text} is now earlier than ${timestampOf(nowMs - lifeMs)} (${allowed})`)
  }
}

// Verifying is synchronous, so one scratch serves all.
const computed = Buffer.alloc(SIGNATURE_DIGITS)
const claimed = Buffer.alloc(SIGNATURE_DIGITS)

/** `signature` is ours. */
function equalInConstantTime(signature: string, claim: string): boolean {
  if (claim.length !== SIGNATURE_DIGITS) return false
  computed.write(signature, 0, SIGNATURE_DIGITS, 'latin1')
  claimed.write(claim, 0, SIGNATURE_DIGITS, 'latin1')
  return timingSafeEqual(computed, claimed)
}

function invalid(message: string): KinesisError {
  return new KinesisError('InvalidSignatureException', message)
}
