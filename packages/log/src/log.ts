/**
 * An embedded, segmented, append-only log of many ledgers interleaved behind group commits.
 *
 * Invariant: what a promise of this class has called stored, and what `read`, `bounds` or a listener ever showed, is
 * durable and is found again after any crash. It knows no streams, no records inside the bytes, and no wall-clock
 * retention: space is given back only below the floors it was given.
 */
import type {
  ClosedLedger,
  Deadline,
  Ledger,
  LedgerBounds,
  LogHealth,
  LogOptions,
  LogStatistics,
  OpenLedger,
  Part,
  PartResult,
  Position,
  ReadOptions,
  ReadResult,
  TrimFloor,
} from './api.ts'

export class Log implements AsyncDisposable {
  /** Opens the log in the disk's directory, making one if there is none, and recovers what a crash left. */
  static open(_options: LogOptions): Promise<Log> {
    throw new Error('being written')
  }

  /** Makes ledgers exist, open. Idempotent: one that exists, even closed, is left as it is. Rejects: LogError. */
  openLedgers(_ledgers: readonly OpenLedger[], _options: Deadline): Promise<void> {
    throw new Error('being written')
  }
  /** Stores the parts of one request and settles once, with a result per part, in order. Never rejects for operating errors. */
  append(_parts: readonly Part[], _options: Deadline): Promise<readonly PartResult[]> {
    throw new Error('being written')
  }
  /** Stores one change of the metadata and resolves with its commit, after `metadata.apply` has seen it. Rejects: LogError. */
  appendMetadata(_bytes: Uint8Array, _options: Deadline): Promise<number> {
    throw new Error('being written')
  }
  /** Closes ledgers for ever. Idempotent: the same end each time. Appends queued before are decided first. Rejects: LogError. */
  closeLedgers(_ledgers: readonly Ledger[], _options: Deadline): Promise<readonly ClosedLedger[]> {
    throw new Error('being written')
  }
  /** Forgets ledgers and all their records. Idempotent. Rejects: LogError. */
  dropLedgers(_ledgers: readonly Ledger[], _options: Deadline): Promise<void> {
    throw new Error('being written')
  }
  /** Raises trim floors, durably. Space below comes back soon after. Unknown ledgers are passed over. Rejects: LogError. */
  trim(_floors: readonly TrimFloor[]): Promise<void> {
    throw new Error('being written')
  }
  /** Reads from `from` (inclusive); at once when all is in memory. Rejects or throws: LogError `unknown-ledger | unavailable`. */
  read(_ledger: Ledger, _from: Position, _options: ReadOptions): ReadResult | Promise<ReadResult> {
    throw new Error('being written')
  }
  bounds(_ledger: Ledger): LedgerBounds | Promise<LedgerBounds> {
    throw new Error('being written')
  }
  /** Position of the first record with a time at or after `timeMs`; the end if there is none. */
  seekTime(_ledger: Ledger, _timeMs: number): Promise<Position> {
    throw new Error('being written')
  }
  /** Whether the ledger is open, closed, or not known (never opened, or dropped). */
  stateOf(_ledger: Ledger): 'open' | 'closed' | undefined {
    throw new Error('being written')
  }
  /** Every ledger there is, in no order: what a user compares with its own catalogue after a crash. */
  ledgers(): Iterable<Ledger> {
    throw new Error('being written')
  }
  /** Calls `listener` after each commit became durable, before its appends settle, with the ledgers that grew or closed. */
  onAdvance(_listener: (ledgers: readonly Ledger[]) => void): Disposable {
    throw new Error('being written')
  }
  /** Bytes the append queue would take now. */
  room(): number {
    throw new Error('being written')
  }
  /** Resolves when `bytes` would be taken. Rejects with the signal's reason. */
  whenRoom(_bytes: number, _signal: AbortSignal): Promise<void> {
    throw new Error('being written')
  }
  health(): LogHealth {
    throw new Error('being written')
  }
  statistics(): LogStatistics {
    throw new Error('being written')
  }
  /** Finishes what is queued, writes the clean-stop mark, syncs, lets go of all files. Twice is fine. */
  close(): Promise<void> {
    throw new Error('being written')
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
