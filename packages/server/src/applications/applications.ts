/**
 * All applications of this server: a cache of their documents, kept by a watch, and the way to change them. What this
 * server wrote, it sees at once; that a document moved on is settled by its revision, whoever wrote it.
 */
import { APPLICATIONS_PER_ACCOUNT_MAX, KinesisError } from '@millrace/protocol'
import type { Clock, Random } from '@millrace/std'

import type { MetaEntry, MetaStore, MetaWatchEvent } from '../engine/engine.ts'
import { beforeDeadline } from '../operations/before-deadline.ts'
import type { OperationContext } from '../operations/operation.ts'
import { Application } from './application.ts'
import {
  type ApplicationKey,
  applicationId,
  APPLICATIONS_PREFIX,
  type ApplicationRoot,
  decodeApplicationRoot,
  decodeLease,
  encodeApplicationRoot,
  leaseDocumentKey,
  parseDocumentKey,
  rootKey,
} from './documents.ts'
import { DocumentWriter, type Written } from './document-writer.ts'

/** What owners are given after a start where the application does not say: its document is gone. */
const TTL_DEFAULT_MS = 10_000
/** Deleted documents of which an older change may still be told. */
const DELETED_MAX = 40_000
const LIFE_BYTES = 8

interface ApplicationsOptions {
  readonly meta: MetaStore
  readonly clock: Clock
  readonly random: Random
}

export class Applications {
  readonly #options: ApplicationsOptions
  readonly #writer: DocumentWriter
  readonly #applications = new Map<string, Application>()
  /** Writes of roots that are under way, by id: those that are not there yet count, too. */
  readonly #making = new Map<string, Promise<Written>>()
  /** With the revision at which they were, oldest first. */
  readonly #deleted = new Map<string, number>()
  #watch: Disposable | undefined
  #isStopping = false

  private constructor(options: ApplicationsOptions) {
    this.#options = options
    this.#writer = new DocumentWriter({
      ...options,
      onWritten: (changes, revision) => this.#applyAll(changes.map((change) => ({ ...change, revision }))),
    })
  }

  /** Whoever owns a lease counts as alive from here on for as long as a session of its application may last. */
  static async open(options: ApplicationsOptions): Promise<Applications> {
    const applications = new Applications(options)
    applications.#watch = options.meta.watch(APPLICATIONS_PREFIX, (events) => applications.#applyAll(events))
    applications.#applyAll(await options.meta.list(APPLICATIONS_PREFIX))
    for (const application of applications.#applications.values())
      application.presumeOwners(application.root?.value.ttlMs ?? TTL_DEFAULT_MS)
    return applications
  }

  find(key: ApplicationKey): Application | undefined {
    return this.#applications.get(applicationId(key))
  }

  /** Those of an account and region, by name. */
  list(account: string, region: string): readonly Application[] {
    return [...this.#applications.values()]
      .filter(({ key }) => key.account === account && key.region === region)
      .sort((a, b) => (a.key.name < b.key.name ? -1 : 1))
  }

  /** Bytes of the leases of an account and region, as they are stored and being stored. */
  leaseBytes(account: string, region: string): number {
    let bytes = 0
    for (const { key, leaseBytes } of this.#applications.values())
      if (key.account === account && key.region === region) bytes += leaseBytes
    return bytes
  }

  /**
   * Makes the application where there is none, and remembers sessions of that length. Errors are those of the writer;
   * whoever waits for somebody else's write waits no longer than it may itself.
   */
  async ensure(key: ApplicationKey, ttlMs: number, context: OperationContext): Promise<Application> {
    const id = applicationId(key)
    for (;;) {
      const application = this.#applications.get(id)
      const root = application?.root
      if (application !== undefined && root !== undefined && root.value.ttlMs >= ttlMs) return application
      const making = this.#making.get(id)
      if (making !== undefined) {
        // How it ends is for whoever began it.
        const over = making.catch(() => undefined)
        await beforeDeadline(over, this.#options.clock, context)
        continue
      }
      if (application === undefined) this.#assertRoomForOne(key)
      const value: ApplicationRoot = {
        createdMs: root?.value.createdMs ?? this.#options.clock.now(),
        ttlMs: Math.max(root?.value.ttlMs ?? 0, ttlMs),
      }
      const document = rootKey(key)
      const change = { key: document, value: encodeApplicationRoot(value), expect: root?.revision ?? 0 }
      const write = this.#writer.write(change, context.deadlineMs).finally(() => this.#making.delete(id))
      this.#making.set(id, write)
      if ((await write) === undefined) await this.#refresh(document)
    }
  }

  /**
   * Writes a lease, or takes it away, if it has this version (0: none). Counts at once as what it will be, for who looks
   * whether there is room. Errors are those of the writer.
   */
  writeLease(
    key: ApplicationKey,
    lease: string,
    version: number,
    value: Uint8Array | undefined,
    deadlineMs: number,
  ): Promise<Written> {
    const write = (): Promise<Written> =>
      this.#writer.write({ key: leaseDocumentKey(key, lease), value, expect: version }, deadlineMs)
    const application = this.find(key)
    if (application === undefined || value === undefined) return write()
    const growthBytes = value.length - application.table.bytesOf(lease)
    return application.writes.during(lease, version === 0, growthBytes, write)
  }

  /** Takes the application itself away; its leases must be gone. */
  async removeRoot(application: Application, deadlineMs: number): Promise<void> {
    while (application.root !== undefined) {
      const document = rootKey(application.key)
      const change = { key: document, value: undefined, expect: application.root.revision }
      if ((await this.#writer.write(change, deadlineMs)) === undefined) await this.#refresh(document)
    }
  }

  /** Reads a lease anew, for when it is known to have moved on. */
  refreshLease(key: ApplicationKey, lease: string): Promise<void> {
    return this.#refresh(leaseDocumentKey(key, lease))
  }

  /** Beats wait no more from here on: the server is stopping. */
  stopWaiting(): void {
    this.#isStopping = true
    for (const application of this.#applications.values()) application.wake()
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Resolves when what was to be written is. */
  async close(): Promise<void> {
    this.stopWaiting()
    this.#watch?.[Symbol.dispose]()
    for (const application of this.#applications.values()) application.close()
    await this.#writer.close()
  }

  #assertRoomForOne({ account, region }: ApplicationKey): void {
    const prefix = applicationId({ account, region, name: '' })
    const begun = [...this.#making.keys()].filter((id) => id.startsWith(prefix) && !this.#applications.has(id))
    const current = this.list(account, region).length + begun.length
    if (current < APPLICATIONS_PER_ACCOUNT_MAX) return
    throw new KinesisError(
      'LimitExceededException',
      `This request would exceed the limit on the number of applications for the account ${account} in ${region}. ` +
        `Current applications count: ${current}. Limit: ${APPLICATIONS_PER_ACCOUNT_MAX}.`,
    )
  }

  async #refresh(document: string): Promise<void> {
    const before = this.#revisionOf(document)
    const entry = await this.#options.meta.get(document)
    if (entry !== undefined) this.#applyAll([entry])
    // Gone, unless it came back while it was read.
    else if (before > 0 && this.#revisionOf(document) === before)
      this.#applyAll([{ key: document, value: undefined, revision: before + 1 }])
  }

  #revisionOf(document: string): number {
    const parsed = parseDocumentKey(document)
    const application = parsed === undefined ? undefined : this.find(parsed.application)
    const lease = parsed?.lease
    return (lease === undefined ? application?.root?.revision : application?.table.get(lease)?.Version) ?? 0
  }

  /** All that changed together, before anybody is told. */
  #applyAll(entries: readonly (MetaWatchEvent | MetaEntry)[]): void {
    const changed = new Set<Application>()
    for (const entry of entries) {
      const application = this.#apply(entry)
      if (application !== undefined) changed.add(application)
    }
    for (const application of changed) {
      application.wake()
      if (!application.isGone) continue
      application.close()
      if (this.find(application.key) === application) this.#applications.delete(applicationId(application.key))
    }
  }

  /** Gives back the application in which somebody should be told. */
  #apply({ key, value, revision }: MetaWatchEvent | MetaEntry): Application | undefined {
    const parsed = parseDocumentKey(key)
    if (parsed === undefined || revision <= (this.#revisionOf(key) || (this.#deleted.get(key) ?? 0))) return undefined
    this.#deleted.delete(key)
    if (value === undefined) this.#rememberDeleted(key, revision)
    const application =
      this.find(parsed.application) ?? (value === undefined ? undefined : this.#add(parsed.application))
    if (application === undefined) return undefined
    const { lease } = parsed
    if (lease === undefined) {
      application.root = value === undefined ? undefined : { value: decodeApplicationRoot(key, value), revision }
      return application.isGone ? application : undefined
    }
    if (value === undefined && application.table.get(lease) === undefined) return undefined
    const isNews = application.table.set(
      lease,
      value === undefined ? undefined : decodeLease(key, lease, value, revision),
      value?.length ?? 0,
    )
    return isNews ? application : undefined
  }

  #add(key: ApplicationKey): Application {
    const { clock, random } = this.#options
    const life = Buffer.from(random.bytes(LIFE_BYTES)).toString('hex')
    const application = new Application(key, life, clock)
    this.#applications.set(applicationId(key), application)
    return application
  }

  #rememberDeleted(key: string, revision: number): void {
    this.#deleted.set(key, revision)
    const [oldest] = this.#deleted.keys()
    if (this.#deleted.size > DELETED_MAX && oldest !== undefined) this.#deleted.delete(oldest)
  }
}
