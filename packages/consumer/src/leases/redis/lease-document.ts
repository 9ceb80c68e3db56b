/**
 * A lease as Redis keeps it: a JSON object whose members are all texts, as JSON of Lua knows no empty list and fourteen digits of a
 * number. What the scripts compare (`epoch`, `checkpoint`, `checkpointSub`) stands as it is, the rest is JSON again. Beside the lease's own
 * members: `version`, and `term`, a random id of its term.
 */
import { extendedSequenceNumber, type ExtendedSequenceNumber, placeOf } from '../../extended-sequence-number.ts'
import type { Lease, LeaseChange, NewLease, PendingCheckpoint } from '../lease.ts'

export interface StoredLease {
  readonly lease: Lease
  readonly term: string
}

/** What is changed; `null` takes a member away. */
export type Members = Readonly<Record<string, string | null>>

export function membersOf(change: LeaseChange | NewLease): Members {
  const members: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(change)) {
    if (name === 'key') continue
    members[name] = value === undefined ? null : JSON.stringify(value)
  }
  const { checkpoint, pending } = change
  if (checkpoint !== undefined) {
    members['checkpoint'] = checkpoint.sequenceNumber
    members['checkpointSub'] = String(checkpoint.subSequenceNumber)
  }
  if (pending !== undefined) members['pending'] = JSON.stringify(pendingDocument(pending))
  return members
}

export function newMembersOf(lease: NewLease): Members {
  return Object.fromEntries(Object.entries(membersOf(lease)).filter(([, value]) => value !== null))
}

export function storedLease(key: string, document: string): StoredLease {
  const { checkpoint = '', checkpointSub, pending, term = '', ...rest } = JSON.parse(document) as Record<string, string>
  const members = Object.entries(rest).map(([name, value]) => [name, JSON.parse(value) as unknown] as const)
  const lease = {
    ...(Object.fromEntries(members) as unknown as Lease),
    key,
    checkpoint: extendedSequenceNumber(checkpoint, Number(checkpointSub)),
    ...(pending === undefined ? {} : { pending: pendingOf(JSON.parse(pending) as PendingDocument) }),
  }
  return { lease, term }
}

interface PendingDocument extends ExtendedSequenceNumber {
  /** Base64. */
  readonly state?: string
}

function pendingDocument({ checkpoint, state }: PendingCheckpoint): PendingDocument {
  return { ...placeOf(checkpoint), ...(state === undefined ? {} : { state: Buffer.from(state).toString('base64') }) }
}

function pendingOf({ sequenceNumber, subSequenceNumber, state }: PendingDocument): PendingCheckpoint {
  const checkpoint = extendedSequenceNumber(sequenceNumber, subSequenceNumber)
  return state === undefined ? { checkpoint } : { checkpoint, state: Uint8Array.from(Buffer.from(state, 'base64')) }
}
