/**
 * The shared configuration files of AWS's tools: `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, by default
 * `config` and `credentials` in `~/.aws`. A profile is what both say of it; the credentials file has the last word.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { SettingsError } from '../errors.ts'
import { type Environment, readVariable } from './environment.ts'
import { type IniSections, parseIni } from './ini.ts'

/** Far beyond any real one; a wrong path to a large file shall not fill the memory. */
const FILE_CHARACTERS_MAX = 1024 * 1024

export interface Profile {
  readonly name: string
  readonly values: ReadonlyMap<string, string>
}

export class Profiles {
  readonly #config: IniSections
  readonly #credentials: IniSections
  /** For messages. */
  readonly files: string

  constructor(config: IniSections, credentials: IniSections, files: string) {
    this.#config = config
    this.#credentials = credentials
    this.files = files
  }

  find(name: string): Profile | undefined {
    const plain = name === 'default' ? this.#config.get('default') : undefined
    const config = this.#config.get(`profile ${name}`) ?? plain
    const credentials = this.#credentials.get(name)
    if (config === undefined && credentials === undefined) return undefined
    return { name, values: new Map([...(config ?? []), ...(credentials ?? [])]) }
  }

  /** A property of the `[services NAME]` section that the profile names, such as `kinesis.endpoint_url`. */
  service(profile: Profile, property: string): string | undefined {
    const services = profile.values.get('services')
    const value = services === undefined ? undefined : this.#config.get(`services ${services}`)?.get(property)
    return value === '' ? undefined : value
  }
}

/** Missing files are empty ones. Rejects with a `SettingsError` for one that cannot be read. */
export async function loadProfiles(env: Environment): Promise<Profiles> {
  const home = readVariable(env, 'HOME', 'USERPROFILE')?.value ?? homedir()
  const inHome = (path: string): string => path.replace(/^~(?=$|[/\\])/, home)
  const config = inHome(readVariable(env, 'AWS_CONFIG_FILE')?.value ?? join(home, '.aws', 'config'))
  const credentials = inHome(
    readVariable(env, 'AWS_SHARED_CREDENTIALS_FILE')?.value ?? join(home, '.aws', 'credentials'),
  )
  const [configSections, credentialsSections] = await Promise.all([readIni(config), readIni(credentials)])
  return new Profiles(configSections, credentialsSections, `${config} and ${credentials}`)
}

async function readIni(path: string): Promise<IniSections> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code)) return new Map()
    throw new SettingsError(`Could not read ${path}: ${code}.`, { cause })
  }
  if (text.length > FILE_CHARACTERS_MAX)
    throw new SettingsError(
      `${path} is longer than ${FILE_CHARACTERS_MAX} characters: not a configuration file of AWS's tools.`,
    )
  return parseIni(text)
}
