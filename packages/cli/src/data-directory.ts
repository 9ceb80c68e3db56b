/** What `check` and `dump` have in common: a stopped server's directory, opened and closed again. */
import { stat } from 'node:fs/promises'
import type { DataDirectory } from '@millrace/server'
import { CommandError, usageError } from './exit-code.ts'
import type { Shell } from './shell.ts'

/** Throws `not found` where nothing has that path. What is there is for others to judge. */
export async function assertThere(path: string, what: string): Promise<void> {
  const isMissing = await stat(path).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
  )
  if (isMissing)
    throw new CommandError({
      ending: 'notFound',
      code: 'ENOENT',
      message: `expected a ${what} at ${path}, found nothing`,
    })
}

export async function withDataDirectory<T>(
  directory: string,
  { clock, random }: Shell,
  work: (opened: DataDirectory) => Promise<T>,
): Promise<T> {
  await assertThere(directory, 'data directory')
  const { openDataDirectory } = await import('@millrace/server')
  const opened = await openDataDirectory(directory, { clock, random }).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error
    if (error.name === 'ConfigError') throw usageError(error.message, 'name the directory: millrace check <directory>')
    if (error.name !== 'DirectoryInUseError') throw error
    throw new CommandError({ ending: 'failed', code: error.name, message: error.message })
  })
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}
