/**
 * Operating errors of the log, by code.
 *
 * - While opening: `newer-version` (a file of a later format; it is named), `foreign-file` (a file of another log),
 *   `damaged` (metadata that its owner cannot read; its file is named).
 * - While running: `unavailable` (nothing was written), `unknown` (it may have been), `no-space` (nothing was
 *   written; comes back by itself), `unknown-ledger` (never opened, or dropped).
 * - While backing up and restoring: `damaged` (a file is missing, too short or fails its checksum; it is named).
 */
export type LogErrorCode =
  'newer-version' | 'foreign-file' | 'unavailable' | 'unknown' | 'no-space' | 'unknown-ledger' | 'damaged'

export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: LogErrorCode

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
