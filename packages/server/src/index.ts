/** The service, for those who start it: the command, and programs that embed it. */
export type { AuthMode } from './auth/authenticate.ts'
export { CredentialsError } from './auth/credentials.ts'
export { ConfigError } from './config-error.ts'
export type { Readiness } from './http/pages.ts'
export { IN_MEMORY, type RunningServer, type ServerOptions, startServer, type StreamToCreate } from './server.ts'
export { createLogger, type LoggerOptions, type LogLevel, logLevels } from './telemetry/logger.ts'
export { type ConfigOption, configOptions, type ConfigSources, readConfig, type StartConfig } from './config.ts'
export {
  type DataDirectory,
  type Dumped,
  type DumpedDamage,
  type DumpedFrame,
  type Finding,
  type FoundLoss,
  openDataDirectory,
} from './data-directory.ts'
export {
  backupDirectory,
  type BackupDirectoryOptions,
  type BackupOptions,
  listBackupPoints,
  restoreDirectory,
  type RestoreDirectoryOptions,
} from './backup.ts'
