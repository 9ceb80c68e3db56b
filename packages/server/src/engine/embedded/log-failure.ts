/** Errors of the log in the words of the engine port. */
import { LogError, type LogErrorCode } from '@millrace/log'
import { EngineError } from '../engine.ts'

const CODES: Partial<Record<LogErrorCode, EngineError['code']>> = {
  unavailable: 'unavailable',
  unknown: 'unknown',
  'no-space': 'no-space',
  'unknown-ledger': 'unknown-shard',
}

/** Says an operating error of the log in the words of the engine port; any other error is passed on as it is. */
export function asEngineError(error: unknown): unknown {
  const code = error instanceof LogError ? CODES[error.code] : undefined
  return code === undefined ? error : new EngineError(code, (error as LogError).message, { cause: error })
}

/** Awaits what the log was asked for, and rejects in the words of the engine port. */
export async function fromLog<T>(ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw asEngineError(error)
  }
}
