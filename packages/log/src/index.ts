export type {
  AppendFailure,
  ClosedLedger,
  Deadline,
  Frame,
  Ledger,
  LedgerBounds,
  LogHealth,
  LogHold,
  LogOptions,
  LogStatistics,
  Metadata,
  MetadataOptions,
  OpenLedger,
  Part,
  PartResult,
  Position,
  ReadOptions,
  ReadResult,
  Run,
  TrimFloor,
} from './api.ts'
export { type Damage } from './api.ts'
export { type BackupPoint, takeBackup, type TakeBackupOptions, type TakenBackup } from './backup/take-backup.ts'
export { type BackupListing, listBackup, restoreBackup, type RestoreBackupOptions } from './backup/restore-backup.ts'
export type { UnreadablePoint } from './backup/manifest.ts'
export { checkLog, holdStopped, readMetadata } from './check.ts'
export type { Finding } from './findings.ts'
export { DirectoryInUseError, type DirectoryLock, type DirectoryLockOptions, lockDirectory } from './directory-lock.ts'
export type { AllocateBuffer, Disk, DiskFile } from './disk.ts'
export type { HeldFile, HeldLog } from './held-files.ts'
export {
  type Inspected,
  type InspectedCommit,
  type InspectedEnd,
  type InspectedSegment,
  inspectLog,
} from './inspect.ts'
export { askOwner, type OwnerReply, type OwnerRequestHandler } from './owner-channel.ts'
export { PART_BYTES_MAX, PART_RECORDS_MAX } from './limits.ts'
export { Log } from './log.ts'
export { LogError, type LogErrorCode } from './log-error.ts'
export { allocateShared, NodeDisk } from './node-disk.ts'
export { comparePositions, POSITION_START } from './position.ts'
