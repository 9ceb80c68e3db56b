/**
 * The credentials file on disk: read at the start, looked at every few seconds, made with one key if `keys` is asked
 * for and there is none. Invariant: what is in force is always a file that was right as a whole; a wrong edit is
 * reported once and changes nothing.
 */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import type { Clock, Logger, Random, Timer } from '@millrace/std'

import {
  type AccessKey,
  type Credentials,
  CredentialsError,
  parseCredentials,
  printCredentials,
} from './credentials.ts'

/** How often the file is looked at. Polling sees edits through editors, links and mounts alike. */
const LOOK_MS = 2_000
/** Nobody has that many keys; a wrong path may be any file. */
const FILE_BYTES_MAX = 16 * 1024 * 1024

export interface CredentialsFileOptions {
  readonly path: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export class CredentialsFile {
  readonly #options: CredentialsFileOptions
  #credentials: Credentials
  #stamp: string
  #timer: Timer | undefined
  #closed = false
  /** The key that was made because there was no file. Show it once, and never log it. */
  readonly created: AccessKey | undefined

  /** Rejects with CredentialsError when the file there is wrong: at the start there is no last good one. */
  static async open(options: CredentialsFileOptions): Promise<CredentialsFile> {
    const { path, random } = options
    let created: AccessKey | undefined
    if ((await stampOf(path)) === undefined) {
      created = newKey(random)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, printCredentials(created), { mode: 0o600, flag: 'wx' })
    }
    const stamp = (await stampOf(path)) ?? ''
    return new CredentialsFile(options, await load(path), stamp, created)
  }

  private constructor(
    options: CredentialsFileOptions,
    credentials: Credentials,
    stamp: string,
    created: AccessKey | undefined,
  ) {
    this.#options = options
    this.#credentials = credentials
    this.#stamp = stamp
    this.created = created
    this.#lookLater()
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#credentials.accessKeys.get(accessKeyId)
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Reads the file again if it has changed. Never rejects. */
  async look(): Promise<void> {
    const { path, logger } = this.#options
    try {
      const stamp = (await stampOf(path)) ?? 'missing'
      if (stamp === this.#stamp) return
      this.#stamp = stamp
      this.#credentials = await load(path)
      logger.info('the credentials file was read again', { path, accessKeys: this.#credentials.accessKeys.size })
    } catch (error) {
      const reason = error instanceof CredentialsError ? error.message : `${path} cannot be read`
      logger.error(`${reason}; the credentials before this edit stay in force`, { path })
    }
  }

  #lookLater(): void {
    if (this.#closed) return
    const again = (): void => this.#lookLater()
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => void this.look().then(again), { unref: true })
  }
}

async function load(path: string): Promise<Credentials> {
  const { size } = await stat(path)
  if (size > FILE_BYTES_MAX) {
    throw new CredentialsError(`${path}: expected at most ${FILE_BYTES_MAX} bytes, found ${size}`)
  }
  return parseCredentials(await readFile(path, 'utf8'), path)
}

async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size, ino } = await stat(path)
    return `${mtimeMs}/${size}/${ino}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** In the shape of AWS's: 20 letters and digits, and 30 random bytes in base64. */
export function newKey(random: Random): AccessKey {
  const letters = [...random.bytes(16)].map((byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('')
  const secretAccessKey = Buffer.from(random.bytes(30)).toString('base64')
  return { accessKeyId: `AKIA${letters}`, secretAccessKey, account: undefined, user: undefined, role: undefined }
}
