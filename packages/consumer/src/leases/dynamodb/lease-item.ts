/**
 * A lease as an item of the KCL's table (CLIENTS.md §1.3), and back. What the KCL has no attribute for stands under names
 * that begin with `millrace`: it reads none of them, and its updates leave them alone.
 *
 * The term: `leaseCounter` grows with every write of everybody, `millraceWrites` with those of ours that are within a
 * term. Their difference is the epoch: it is the same for every reader, and grows with whatever a KCL writes.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { type ExtendedSequenceNumber, extendedSequenceNumber } from '../../extended-sequence-number.ts'
import { LeaseStoreError } from '../lease-store.ts'
import type { Lease, LeaseChange, NewLease } from '../lease.ts'
import { type ItemKeys, itemKeyOf } from './item-keys.ts'

export type Item = Record<string, AttributeValue>

export interface StoredLease {
  readonly lease: Lease
  readonly counter: number
}

/** Something else is a leader's lock or a worker's metrics, which KCL 3.5 and later keep there too. */
export function isLeaseItem(item: Item): boolean {
  const kind = item['entityType']?.S
  return kind === undefined || kind === 'LEASE'
}

/** `undefined`: the item is something else. */
export function leaseOfItem(item: Item, keys: ItemKeys): StoredLease | undefined {
  if (!isLeaseItem(item)) return undefined
  try {
    const counter = numberOf(item, 'leaseCounter') ?? 0
    const leaseOwner = item['leaseOwner']?.S
    const checkpointOwner = item['checkpointOwner']?.S
    const heir = checkpointOwner === undefined ? undefined : leaseOwner
    const [starting, ending] = [item['startingHashKey']?.S, item['endingHashKey']?.S]
    const lease: Lease = {
      ...keys.parse(item),
      owner: checkpointOwner ?? leaseOwner,
      heir,
      epoch: counter - (numberOf(item, 'millraceWrites') ?? 0),
      // A handover begins without a step of the counter.
      version: counter * 2 + (heir === undefined ? 0 : 1),
      checkpoint: placeOf(item, 'checkpoint') ?? missing('checkpoint'),
      pending: pendingOf(item),
      startTimeMs: numberOf(item, 'millraceStartTimeMs'),
      parents: (item['parentShardId']?.SS ?? []).toSorted(),
      children: (item['childShardIds']?.SS ?? []).toSorted(),
      hashKeyRange: starting === undefined || ending === undefined ? undefined : { starting, ending },
      loadKiBps: numberOf(item, 'throughputKBps'),
      ownerSwitches: numberOf(item, 'ownerSwitchesSinceCheckpoint') ?? 0,
      paused: item['millracePaused']?.BOOL ?? false,
    }
    return { lease, counter }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new LeaseStoreError('invalid', `The item "${itemKeyOf(item)}" is no lease: ${cause.message}`, { cause })
  }
}

export function itemOfNewLease(lease: NewLease, keys: ItemKeys): Item {
  return { ...keys.attributesOf(lease.key), ...attributesOf(lease, lease.epoch) }
}

/** What has to be written, on what condition. */
export interface ItemUpdate {
  readonly UpdateExpression: string
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames: Record<string, string>
  readonly ExpressionAttributeValues: Record<string, AttributeValue>
}

/** An empty change is a renewal. */
export function updateOfItem({ lease, counter }: StoredLease, change: LeaseChange): ItemUpdate {
  const after = { ...lease, ...change }
  const names: Record<string, string> = {}
  const values: Record<string, AttributeValue> = {}
  const name = (attribute: string): string => {
    names[`#${attribute}`] = attribute
    return `#${attribute}`
  }
  const is = (attribute: string, value: AttributeValue | undefined): string => {
    if (value === undefined) return `attribute_not_exists(${name(attribute)})`
    values[`:is_${attribute}`] = value
    return `${name(attribute)} = :is_${attribute}`
  }
  const before = attributesOf(lease, counter)
  const wanted = attributesOf(after, beginsHandover(lease, change) ? counter : counter + 1)
  const set: string[] = []
  const remove: string[] = []
  for (const attribute of new Set([...Object.keys(before), ...Object.keys(wanted)])) {
    const value = wanted[attribute]
    if (value === undefined) remove.push(name(attribute))
    else if (JSON.stringify(value) !== JSON.stringify(before[attribute])) {
      values[`:${attribute}`] = value
      set.push(`${name(attribute)} = :${attribute}`)
    }
  }
  const conditions: string[] = []
  if (!beginsHandover(lease, change)) conditions.push(is('leaseCounter', { N: String(counter) }))
  if ('owner' in change || 'heir' in change)
    for (const attribute of ['leaseOwner', 'checkpointOwner']) conditions.push(is(attribute, before[attribute]))
  return {
    UpdateExpression: [clause('SET', set), clause('REMOVE', remove)].join(' ').trim(),
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  }
}

/** A worker asks for the lease of another: on the condition of the KCL 3, whose owners go on counting meanwhile. */
export function beginsHandover(lease: Lease, change: LeaseChange): boolean {
  const { owner, heir } = lease
  return isRequest(change) && heir === undefined && owner !== undefined && change.heir !== owner
}

export function isRequest(change: LeaseChange): boolean {
  return change.heir !== undefined && Object.keys(change).length === 1
}

function clause(word: string, parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${word} ${parts.join(', ')}`
}

/** All but those of the key. */
function attributesOf(lease: NewLease, counter: number): Item {
  const { owner, pending, startTimeMs, hashKeyRange, loadKiBps } = lease
  const heir = owner === undefined || lease.heir === owner ? undefined : lease.heir
  const optional: Record<string, AttributeValue | undefined> = {
    leaseOwner: text(heir ?? owner),
    checkpointOwner: heir === undefined ? undefined : text(owner),
    millraceWrites: counter === lease.epoch ? undefined : number(counter - lease.epoch),
    pendingCheckpoint: text(pending?.checkpoint.sequenceNumber),
    pendingCheckpointSubSequenceNumber: number(pending?.checkpoint.subSequenceNumber),
    pendingCheckpointState: pending?.state === undefined ? undefined : { B: pending.state },
    millraceStartTimeMs: number(startTimeMs),
    parentShardId: texts(lease.parents),
    childShardIds: texts(lease.children),
    startingHashKey: text(hashKeyRange?.starting),
    endingHashKey: text(hashKeyRange?.ending),
    throughputKBps: number(loadKiBps),
    millracePaused: lease.paused ? { BOOL: true } : undefined,
  }
  return {
    leaseCounter: { N: String(counter) },
    checkpoint: { S: lease.checkpoint.sequenceNumber },
    checkpointSubSequenceNumber: { N: String(lease.checkpoint.subSequenceNumber) },
    ownerSwitchesSinceCheckpoint: { N: String(lease.ownerSwitches) },
    ...Object.fromEntries(
      Object.entries(optional).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
    ),
  }
}

function text(value: string | undefined): AttributeValue | undefined {
  return value === undefined ? undefined : { S: value }
}

/** There are no empty sets. */
function texts(values: readonly string[]): AttributeValue | undefined {
  return values.length === 0 ? undefined : { SS: values.toSorted() }
}

function number(value: number | undefined): AttributeValue | undefined {
  return value === undefined ? undefined : { N: String(value) }
}

function numberOf(item: Item, attribute: string): number | undefined {
  const digits = item[attribute]?.N
  if (digits === undefined) return undefined
  const value = Number(digits)
  if (!Number.isFinite(value)) throw new RangeError(`Expected a number as ${attribute}, found "${digits}".`)
  return value
}

function placeOf(item: Item, attribute: string): ExtendedSequenceNumber | undefined {
  const sequenceNumber = item[attribute]?.S
  if (sequenceNumber === undefined) return undefined
  return extendedSequenceNumber(sequenceNumber, numberOf(item, `${attribute}SubSequenceNumber`) ?? 0)
}

/** The KCL 3 writes a `pendingCheckpointState` where nothing is pending; it means nothing. */
function pendingOf(item: Item): Lease['pending'] {
  const checkpoint = placeOf(item, 'pendingCheckpoint')
  if (checkpoint === undefined) return undefined
  const state = item['pendingCheckpointState']?.B
  return { checkpoint, ...(state === undefined ? {} : { state: Uint8Array.from(state) }) }
}

function missing(attribute: string): never {
  throw new RangeError(`Expected the attribute ${attribute}, found none.`)
}
