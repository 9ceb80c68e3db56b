/**
 * Where applications stand in metadata, and how. One document a lease, changed by compare-and-set: the revision of the
 * document is the version of the lease.
 *
 *     applications/<account>/<region>/<name>/root          when it was made, and its longest session
 *     applications/<account>/<region>/<name>/leases/<key>  one lease
 *
 * Names of accounts, regions and applications and keys of leases contain no slash. An application is there as long as one
 * of its documents is. They are JSON, so that `millrace dump` can show them; `v` is the version of the form.
 */
import type { ServiceLease, ServiceNewLease } from '@millrace/protocol'
import { assert } from '@millrace/std'

export const APPLICATIONS_PREFIX = 'applications/'
const VERSION = 1

export interface ApplicationKey {
  /** 12 digits. */
  readonly account: string
  readonly region: string
  readonly name: string
}

export interface ApplicationRoot {
  /** Ms since the epoch. */
  readonly createdMs: number
  /** The longest session that a worker asked for: what the owners of leases are given when a server starts. */
  readonly ttlMs: number
}

/** One text for one application: also the key of maps in memory. */
export function applicationId({ account, region, name }: ApplicationKey): string {
  return `${account}/${region}/${name}`
}

export function rootKey(key: ApplicationKey): string {
  return `${APPLICATIONS_PREFIX}${applicationId(key)}/root`
}

export function leaseDocumentKey(key: ApplicationKey, lease: string): string {
  return `${APPLICATIONS_PREFIX}${applicationId(key)}/leases/${lease}`
}

/** What a key of metadata is about: an application's root, or one of its leases. `undefined`: of neither. */
export function parseDocumentKey(
  text: string,
): { readonly application: ApplicationKey; readonly lease: string | undefined } | undefined {
  const [prefix, account, region, name, part, lease] = text.split('/')
  if (prefix !== 'applications' || account === undefined || region === undefined || name === undefined) return undefined
  const application = { account, region, name }
  if (part === 'root') return { application, lease: undefined }
  return part === 'leases' && lease !== undefined ? { application, lease } : undefined
}

export function encodeApplicationRoot(root: ApplicationRoot): Uint8Array {
  return encode(root)
}

export function decodeApplicationRoot(name: string, bytes: Uint8Array): ApplicationRoot {
  return decode(name, bytes) as unknown as ApplicationRoot
}

/** Key and version stand beside the document. */
export function encodeLease({ LeaseKey: _key, ...lease }: ServiceNewLease): Uint8Array {
  const { Pending } = lease
  const State = Pending?.State
  if (Pending === undefined || State === undefined) return encode(lease)
  return encode({ ...lease, Pending: { ...Pending, State: Buffer.from(State).toString('base64') } })
}

export function decodeLease(name: string, key: string, bytes: Uint8Array, revision: number): ServiceLease {
  const lease = { ...decode(name, bytes), LeaseKey: key, Version: revision } as unknown as ServiceLease
  const State = lease.Pending?.State as string | undefined
  if (lease.Pending === undefined || State === undefined) return lease
  return { ...lease, Pending: { ...lease.Pending, State: Buffer.from(State, 'base64') } }
}

function encode(document: object): Uint8Array {
  return Buffer.from(JSON.stringify({ v: VERSION, ...document }))
}

function decode(name: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const { v, ...document } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Readonly<Record<string, unknown>>
  assert(
    v === VERSION,
    `${name}: this metadata has version ${String(v)}; this server reads ${VERSION}: use a newer one`,
  )
  return document
}
