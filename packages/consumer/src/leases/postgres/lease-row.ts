/** A lease as a row, and back. Values go to the database as JSON under the names of the columns. */
import { extendedSequenceNumber } from '../../extended-sequence-number.ts'
import type { Lease, LeaseChange, NewLease } from '../lease.ts'
import type { Row } from './pool.ts'

/** All but `application`, `key`, `version` and `news`. */
export const COLUMNS: readonly (readonly [name: string, type: string, constraint: string])[] = [
  ['stream', 'text', 'NOT NULL'],
  ['shard_id', 'text', 'NOT NULL'],
  ['owner', 'text', ''],
  ['heir', 'text', ''],
  ['epoch', 'bigint', 'NOT NULL'],
  ['checkpoint', 'text', 'NOT NULL'],
  ['checkpoint_sub', 'bigint', 'NOT NULL'],
  ['pending', 'text', ''],
  ['pending_sub', 'bigint', ''],
  ['pending_state', 'bytea', ''],
  ['start_time_ms', 'float8', ''],
  ['parents', 'text[]', 'NOT NULL'],
  ['children', 'text[]', 'NOT NULL'],
  ['starting_hash_key', 'text', ''],
  ['ending_hash_key', 'text', ''],
  ['load_kibps', 'float8', ''],
  ['owner_switches', 'bigint', 'NOT NULL'],
  ['paused', 'boolean', 'NOT NULL'],
]

/** The value of a column in a document of `columnsOf`, as SQL. */
export function valueSql(name: string, type: string, document: string): string {
  if (type === 'text[]') return `ARRAY(SELECT jsonb_array_elements_text(${document}->'${name}'))`
  if (type === 'bytea') return `decode(${document}->>'${name}', 'base64')`
  return `(${document}->>'${name}')::${type}`
}

/** The columns that are changed; `null` takes a value away. */
export function columnsOf(change: LeaseChange | NewLease): Record<string, unknown> {
  const columns: Record<string, unknown> = {}
  for (const [name, value] of Object.entries({ ...change }) as [keyof NewLease, never][])
    Object.assign(columns, COLUMNS_OF[name](value))
  return columns
}

type ColumnsOf = { readonly [Name in keyof NewLease]-?: (value: NewLease[Name]) => Record<string, unknown> }

const COLUMNS_OF: ColumnsOf = {
  key: () => ({}),
  stream: (stream) => ({ stream }),
  shardId: (shardId) => ({ shard_id: shardId }),
  owner: (owner) => ({ owner: owner ?? null }),
  heir: (heir) => ({ heir: heir ?? null }),
  epoch: (epoch) => ({ epoch }),
  checkpoint: ({ sequenceNumber, subSequenceNumber }) => ({
    checkpoint: sequenceNumber,
    checkpoint_sub: subSequenceNumber,
  }),
  pending: (pending) => ({
    pending: pending?.checkpoint.sequenceNumber ?? null,
    pending_sub: pending?.checkpoint.subSequenceNumber ?? null,
    pending_state: pending?.state === undefined ? null : Buffer.from(pending.state).toString('base64'),
  }),
  startTimeMs: (startTimeMs) => ({ start_time_ms: startTimeMs ?? null }),
  parents: (parents) => ({ parents }),
  children: (children) => ({ children }),
  hashKeyRange: (range) => ({ starting_hash_key: range?.starting ?? null, ending_hash_key: range?.ending ?? null }),
  loadKiBps: (loadKiBps) => ({ load_kibps: loadKiBps ?? null }),
  ownerSwitches: (ownerSwitches) => ({ owner_switches: ownerSwitches }),
  paused: (paused) => ({ paused }),
}

export function leaseOfRow(row: Row): Lease {
  const { starting_hash_key: starting, ending_hash_key: ending, pending_state: state } = row
  return {
    key: row['key'],
    stream: row['stream'],
    shardId: row['shard_id'],
    owner: row['owner'] ?? undefined,
    heir: row['heir'] ?? undefined,
    epoch: Number(row['epoch']),
    version: Number(row['version']),
    checkpoint: extendedSequenceNumber(row['checkpoint'], Number(row['checkpoint_sub'])),
    pending:
      row['pending'] === null
        ? undefined
        : {
            checkpoint: extendedSequenceNumber(row['pending'], Number(row['pending_sub'])),
            ...(state === null ? {} : { state: Uint8Array.from(state) }),
          },
    startTimeMs: row['start_time_ms'] ?? undefined,
    parents: row['parents'],
    children: row['children'],
    hashKeyRange: starting === null || ending === null ? undefined : { starting, ending },
    loadKiBps: row['load_kibps'] ?? undefined,
    ownerSwitches: Number(row['owner_switches']),
    paused: row['paused'],
  }
}
