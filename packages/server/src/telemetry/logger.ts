/**
 * Log lines through pino: JSON for machines, or one readable line for a person at a terminal. Levels as everywhere:
 * debug, info, warn, error.
 */
import type { LogFields, Logger } from '@millrace/std'
import { pino, stdSerializers } from 'pino'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LoggerOptions {
  readonly format: 'json' | 'pretty'
  readonly level: LogLevel
  /** Takes one line with its line feed. */
  readonly write: (line: string) => void
}

export function createLogger({ format, level, write }: LoggerOptions): Logger {
  const lines = pino(
    {
      level,
      base: null,
      serializers: { error: stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: format === 'json' ? write : (line: string) => write(prettyLine(line)) },
  )
  const at =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void =>
      fields === undefined ? lines[name](message) : lines[name](fields, message)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** `12:30:01 WARN  the message  stream=orders shard=3`, and a stack below if there is one. */
function prettyLine(line: string): string {
  const { time, level, msg, error, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${plain(value)}`)
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? `\n  ${String(error.stack)}` : ''
  const rest = stack === '' && error !== undefined ? ` error=${plain(error)}` : ''
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${pairs.join('')}${rest}${stack}\n`
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
