/**
 * What recovery has learned so far, from snapshots, indexes, headers and commits alike: which log this is, up to which
 * commit something proves all to have been durable, which segments are gone for good, and what is damaged.
 */
import type { Logger } from '@millrace/std'
import type { Damage, DamagedLedger } from '../api.ts'
import type { FreedSegment, Regrouping } from '../format/control-format.ts'
import type { Hole } from '../holes.ts'
import { LogError } from '../log-error.ts'
import { EMPTY_REGISTER, type SegmentRegister, withFreed, withRegrouped } from '../segment-register.ts'

/** Of a hole it is told whose records lay there when all is known. */
export interface FoundDamage extends Damage {
  readonly hole: Hole | undefined
}

/** What `restore` goes back to. */
export interface EvidenceMark {
  readonly provenCommit: number
  readonly damageLines: number
}

export class Evidence {
  readonly #logger: Logger
  readonly #damage: FoundDamage[] = []
  readonly #holes: Hole[] = []
  #register = EMPTY_REGISTER
  #logId: Uint8Array | undefined
  #provenCommit = 0
  #metadataLoss: string | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get damage(): readonly FoundDamage[] {
    return this.#damage
  }

  get holes(): readonly Hole[] {
    return this.#holes
  }

  get register(): SegmentRegister {
    return this.#register
  }

  get logId(): Uint8Array | undefined {
    return this.#logId
  }

  /** The highest commit that is known to have been durable. */
  get provenCommit(): number {
    return this.#provenCommit
  }

  get metadataLoss(): string | undefined {
    return this.#metadataLoss
  }

  prove(commit: number): void {
    this.#provenCommit = Math.max(this.#provenCommit, commit)
  }

  /** All files of a log carry its id. Throws `foreign-file` for one of another. */
  checkLogId(path: string, logId: Uint8Array): void {
    this.#logId ??= logId
    if (Buffer.compare(this.#logId, logId) !== 0) {
      throw new LogError('foreign-file', `${path}: this file belongs to another log; take it away and open again`)
    }
  }

  /** Segments that are gone or regrouped, as a snapshot says … */
  startRegister({ freed, grouped }: SegmentRegister): void {
    this.#register = { freed, grouped }
  }

  /** … and as the frames above it do. */
  free(segment: FreedSegment): void {
    this.#register = withFreed(this.#register, segment)
  }

  regroup(regrouping: Regrouping): void {
    this.#register = withRegrouped(this.#register, regrouping)
  }

  isFreed(number: number): boolean {
    return this.#register.freed.some((range) => range.firstNumber <= number && range.lastNumber >= number)
  }

  report(reason: string, ledgers: readonly DamagedLedger[] = []): void {
    this.#add({ reason, ledgers, hole: undefined })
  }

  addHole(hole: Hole): void {
    this.#holes.push(hole)
    const reason = `commits ${hole.from} to ${hole.to} cannot be read: ${hole.reason}`
    this.#add({ reason, ledgers: [], hole })
  }

  loseMetadata(what: string): void {
    const loss = `metadata is lost with ${what}`
    this.#metadataLoss ??= loss
    this.report(loss)
  }

  /** It is not certain that a change was there, and nobody can tell: worth a refusal, and a line was written already. */
  doubtMetadata(what: string): void {
    this.#metadataLoss ??= `metadata may be lost with ${what}`
  }

  mark(): EvidenceMark {
    return { provenCommit: this.#provenCommit, damageLines: this.#damage.length }
  }

  /** What was learned since the mark came from files that say nothing. What is freed stays known. */
  restore({ provenCommit, damageLines }: EvidenceMark): void {
    this.#provenCommit = provenCommit
    this.#damage.length = damageLines
    this.#holes.length = 0
  }

  #add(damage: FoundDamage): void {
    this.#damage.push(damage)
    this.#logger.error('stored data is damaged', { damage: damage.reason })
  }
}
