/** The credentials file on disk: watched, and made with one key if `keys` is asked for and there is none. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import type { Clock, Logger, Random } from '@millrace/std'

import { stampOf, WatchedFile } from '../watched-file.ts'
import {
  type AccessKey,
  type Credentials,
  CredentialsError,
  parseCredentials,
  printCredentials,
} from './credentials.ts'
import { allowEverything } from './iam/policy.ts'
import { newSecret } from './new-secret.ts'

export interface CredentialsFileOptions {
  readonly path: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export class CredentialsFile {
  readonly #file: WatchedFile<Credentials>
  /** The key that was made because there was no file. Show it once, and never log it. */
  readonly created: AccessKey | undefined

  /** Rejects with CredentialsError when the file there is wrong. */
  static async open({ path, clock, random, logger }: CredentialsFileOptions): Promise<CredentialsFile> {
    let created: AccessKey | undefined
    if ((await stampOf(path)) === undefined) {
      created = newKey(random)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, printCredentials(created), { mode: 0o600, flag: 'wx' })
    }
    const file = await WatchedFile.open({
      path,
      contents: 'credentials',
      Fault: CredentialsError,
      parse: parseCredentials,
      describe: ({ accessKeys, roles }) => ({ accessKeys: accessKeys.size, roles: roles.length }),
      clock,
      logger,
    })
    return new CredentialsFile(file, created)
  }

  private constructor(file: WatchedFile<Credentials>, created: AccessKey | undefined) {
    this.#file = file
    this.created = created
  }

  /** What is in force. */
  get current(): Credentials {
    return this.#file.value
  }

  close(): void {
    this.#file.close()
  }

  /** Reads the file again if it has changed. Never rejects. */
  look(): Promise<void> {
    return this.#file.look()
  }
}

/** One that may do everything, in the shape of AWS's. */
export function newKey(random: Random): AccessKey {
  const policies = [allowEverything]
  return { ...newSecret('AKIA', random), account: undefined, user: undefined, role: undefined, policies }
}
