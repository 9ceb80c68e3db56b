/**
 * A data directory that no server has open, for `check` and `dump`: held by its lock while it is looked at, and never
 * written to. What stands there is named as users know it, as far as the metadata can still be read.
 */
import { stat } from 'node:fs/promises'

import {
  checkLog,
  type Finding as LogFinding,
  type Inspected,
  type InspectedCommit,
  inspectLog,
  lockDirectory,
  type Metadata,
  NodeDisk,
  readMetadata,
} from '@millrace/log'
import { shardIdOf } from '@millrace/protocol'
import type { Clock, Random } from '@millrace/std'

import { decodePage } from './catalog/documents.ts'
import { parseKey } from './catalog/keys.ts'
import { ConfigError } from './config-error.ts'
import {
  describeDamage,
  nameDamage,
  type NamedDamage,
  type NamedShard,
  type ShardOwner,
  type ShardOwners,
} from './damage-names.ts'
import { type AcceptedLoss, acceptLosses, isAccepted, readAcceptedLosses } from './engine/embedded/accepted-losses.ts'
import { engineDamage } from './engine/embedded/embedded-engine.ts'
import { decodeSnapshot } from './engine/embedded/metadata-format.ts'
import { EmbeddedMetaStore } from './engine/embedded/meta-store.ts'
import { EngineError, type ShardRef } from './engine/engine.ts'

/** Something that is wrong in a file. */
export interface Finding extends NamedDamage {
  readonly file: string
  readonly offset: number
  /** All of it in one line, for people. */
  readonly text: string
  /** What shards lost by it, each to be accepted by its name: then readers go on past it. */
  readonly losses: readonly FoundLoss[]
}

export interface FoundLoss {
  /** `account/region/stream/shardId:FROM-TO`: the lost sequence numbers, or those around them. */
  readonly name: string
  readonly engineShard: ShardRef
  readonly fromCommit: number
  readonly toCommit: number
  readonly isAccepted: boolean
}

/** A frame's shard; names are absent for one that is no longer listed, and for metadata. */
export interface DumpedFrame {
  readonly ledger: number
  readonly account?: string
  readonly region?: string
  readonly stream?: string
  readonly shardId?: string
}

/** What is wrong, and which of it was accepted: what `check` finds. */
export interface DumpedDamage extends Finding {
  readonly kind: 'damage'
}

export type Dumped =
  Exclude<Inspected, InspectedCommit> | (InspectedCommit & { readonly shards: readonly DumpedFrame[] }) | DumpedDamage

export interface DataDirectory {
  /** What is wrong in it, as it is found. Nothing: all is well. */
  check(signal?: AbortSignal): AsyncIterable<Finding>
  /** Has readers go on past these losses, from the next start on. */
  accept(losses: readonly FoundLoss[]): Promise<void>
  /** Its segments, commits and ends, in order; then what is damaged. */
  dump(): AsyncIterable<Dumped>
  close(): Promise<void>
}

/** Rejects with ConfigError when there is none, and as `startServer` does when a live process has it. */
export async function openDataDirectory(
  directory: string,
  options: { readonly clock: Clock; readonly random: Random },
): Promise<DataDirectory> {
  const log = await stat(`${directory}/log`).catch(() => undefined)
  if (log?.isDirectory() !== true) throw new ConfigError(`${directory}: expected a data directory, found no log in it`)
  const lock = await lockDirectory(directory, options)
  const disk = await NodeDisk.open(directory)
  return {
    check: (signal) => checkDirectory(disk, signal),
    accept: (losses) => {
      const acceptedMs = options.clock.now()
      return acceptLosses(
        disk.directory,
        losses.map(({ engineShard: shard, fromCommit, toCommit }) => ({ shard, fromCommit, toCommit, acceptedMs })),
      )
    },
    dump: () => dumpDirectory(disk),
    async close() {
      await disk.close()
      await lock.release()
    },
  }
}

async function* checkDirectory(disk: NodeDisk, signal: AbortSignal | undefined): AsyncGenerator<Finding, void> {
  const metadata = new CatalogReader()
  const accepted = await readAcceptedLosses(disk.directory)
  let owners: ShardOwners | undefined
  for await (const finding of checkLog(disk, { metadata, ...(signal === undefined ? {} : { signal }) })) {
    owners ??= metadata.owners()
    yield namedFinding(finding, owners, accepted)
  }
}

function namedFinding(finding: LogFinding, owners: ShardOwners, accepted: readonly AcceptedLoss[]): Finding {
  const { file, offset } = finding
  const named = nameDamage(engineDamage(finding), owners)
  const losses = finding.ledgers.map((lost, place) => foundLoss(finding, lost, named.shards[place], accepted))
  return { file, offset, ...named, losses, text: `${file} at ${offset}: ${describeDamage(named)}` }
}

function foundLoss(
  { commits }: LogFinding,
  { ledger, first, last }: LogFinding['ledgers'][number],
  named: NamedShard | undefined,
  accepted: readonly AcceptedLoss[],
): FoundLoss {
  const fromCommit = first?.commit ?? commits?.from ?? 0
  const toCommit = last?.commit ?? commits?.to ?? 0
  const range = { from: { commit: fromCommit, index: 0 }, to: { commit: toCommit + 1, index: 0 } }
  const shard =
    named?.stream === undefined ? `#${ledger}` : `${named.account}/${named.region}/${named.stream}/${named.shardId}`
  const from = named?.firstSequenceNumber ?? named?.afterSequenceNumber ?? 'start'
  const to = named?.lastSequenceNumber ?? named?.beforeSequenceNumber ?? 'end'
  return {
    name: `${shard}:${from}-${to}`,
    engineShard: ledger,
    fromCommit,
    toCommit,
    isAccepted: isAccepted(accepted, ledger, range),
  }
}

async function* dumpDirectory(disk: NodeDisk): AsyncGenerator<Dumped, void> {
  const metadata = new CatalogReader()
  await readMetadata(disk, metadata)
  const owners = metadata.owners()
  for await (const item of inspectLog(disk)) {
    if (item.kind !== 'commit') yield item
    else yield { ...item, shards: item.frames.map(({ ledger }) => dumpedFrame(ledger, owners.get(ledger))) }
  }
  for await (const finding of checkDirectory(disk, undefined)) yield { kind: 'damage', ...finding }
}

function dumpedFrame(ledger: number, owner: ShardOwner | undefined): DumpedFrame {
  if (owner === undefined) return { ledger }
  const { account, region, name } = owner.stream
  return { ledger, account, region, stream: name, shardId: shardIdOf(owner.shard.number) }
}

/** The catalog of a directory, as far as its metadata is whole: what cannot be read names nothing. */
class CatalogReader implements Metadata {
  readonly #store = new EmbeddedMetaStore()

  restore(snapshot: Uint8Array | undefined): void {
    this.#tolerantly(() => this.#store.restore(snapshot))
  }

  apply(commit: number, bytes: Uint8Array): void {
    this.#tolerantly(() => this.#store.apply(commit, bytes))
  }

  snapshot(): Uint8Array {
    return this.#store.snapshot()
  }

  owners(): ShardOwners {
    const owners = new Map<ShardRef, ShardOwner>()
    for (const { key, value } of decodeSnapshot(this.#store.snapshot()).values()) {
      const parsed = parseKey(key)
      if (parsed?.kind !== 'page') continue
      for (const shard of decodePage(key, value)) owners.set(shard.ref, { stream: parsed.stream, shard })
    }
    return owners
  }

  #tolerantly(take: () => void): void {
    try {
      take()
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
    }
  }
}
