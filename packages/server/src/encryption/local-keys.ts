/**
 * The master keys of one machine: those of the file that was named, if one was, and the service's own, which is made when
 * it is first wanted and kept beside the data (in memory: for this life). An edit of either file counts within seconds.
 */
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'

import type { Clock, Logger, Random } from '@millrace/std'

import { ConfigError } from '../config-error.ts'
import { stampOf, WatchedFile } from '../watched-file.ts'
import { MATERIAL_BYTES, parseKeyFile, printKeyFile } from './key-file.ts'
import {
  findIn,
  type KeyName,
  type MasterKey,
  type MasterKeys,
  type MasterKeySet,
  SERVICE_ALIAS,
} from './master-keys.ts'

/** In the data directory. */
export const SERVICE_KEY_FILE = 'service-key.yaml'

export interface LocalKeysOptions {
  /** The file of master keys. Undefined: there is only the service's own. */
  readonly file: string | undefined
  /** The data directory. Undefined: nothing is kept. */
  readonly directory: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

type KeySource = Pick<WatchedFile<MasterKeySet>, 'value' | 'look' | 'close'>

export class LocalKeys implements MasterKeys {
  readonly #options: LocalKeysOptions
  readonly #named: KeySource | undefined
  #own: KeySource | undefined
  #making: Promise<KeySource> | undefined

  /** Rejects with ConfigError when a file is not there or wrong: at the start there is no last good one. */
  static async open(options: LocalKeysOptions): Promise<LocalKeys> {
    const { file, directory } = options
    if (file !== undefined && (await stampOf(file)) === undefined)
      throw new ConfigError(`kms-key-file: there is no file ${file}`)
    const named = file === undefined ? undefined : await watch(file, options)
    const path = directory === undefined ? undefined : join(directory, SERVICE_KEY_FILE)
    try {
      const isThere = path !== undefined && (await stampOf(path)) !== undefined
      return new LocalKeys(options, named, isThere ? await watch(path, options) : undefined)
    } catch (error) {
      named?.close()
      throw error
    }
  }

  private constructor(options: LocalKeysOptions, named: KeySource | undefined, own: KeySource | undefined) {
    this.#options = options
    this.#named = named
    this.#own = own
  }

  find(name: KeyName): MasterKey | undefined {
    return (this.#named && findIn(this.#named.value, name)) ?? (this.#own && findIn(this.#own.value, name))
  }

  async serviceKey(): Promise<MasterKey> {
    const name = { kind: 'alias', alias: SERVICE_ALIAS } as const
    const known = this.find(name)
    if (known !== undefined) return known
    if (this.#own !== undefined)
      throw new ConfigError(`${SERVICE_KEY_FILE}: expected a key with the alias ${SERVICE_ALIAS}`)
    this.#making ??= makeServiceKey(this.#options).finally(() => (this.#making = undefined))
    this.#own = await this.#making
    return this.serviceKey()
  }

  /** Reads again what has changed. Never rejects. */
  async look(): Promise<void> {
    await Promise.all([this.#named?.look(), this.#own?.look()])
  }

  close(): void {
    this.#named?.close()
    this.#own?.close()
  }
}

function watch(path: string, { clock, logger }: LocalKeysOptions): Promise<KeySource> {
  return WatchedFile.open({
    path,
    contents: 'keys',
    Fault: ConfigError,
    parse: parseKeyFile,
    describe: ({ byId }) => ({ keys: byId.size }),
    clock,
    logger,
  })
}

/** Durable before anything is encrypted under it. A crash on the way leaves nothing of that name. */
async function makeServiceKey(options: LocalKeysOptions): Promise<KeySource> {
  const { directory, random, logger } = options
  const text = printKeyFile({ id: newId(random), material: random.bytes(MATERIAL_BYTES), alias: SERVICE_ALIAS })
  if (directory === undefined) {
    const value = parseKeyFile(text, 'the key in memory')
    return { value, look: () => Promise.resolve(), close() {} }
  }
  const path = join(directory, SERVICE_KEY_FILE)
  const fresh = `${path}.tmp`
  const file = await open(fresh, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(fresh, path)
  const folder = await open(directory)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  logger.info(`a key for ${SERVICE_ALIAS} was made; without it, what is encrypted under it cannot be read`, { path })
  return watch(path, options)
}

/** A UUID of version 4. */
function newId(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
