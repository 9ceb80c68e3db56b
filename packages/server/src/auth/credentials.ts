/**
 * The credentials file: YAML, read strictly. What it may hold of principals and policies is checked for its shape and
 * kept for `--auth iam`; only the access keys count today. Messages name the place, never a secret.
 */
import { nearest } from '../nearest.ts'
import { readYaml, YamlFault } from '../yaml-text.ts'

export interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** 12 digits. Undefined: the server's, or the access key itself if it is 12 digits. */
  readonly account: string | undefined
  /** Who signs with it: `user` and `role` exclude one another. */
  readonly user: string | undefined
  readonly role: string | undefined
}

export interface Credentials {
  readonly accessKeys: ReadonlyMap<string, AccessKey>
}

/** The file cannot be used; the message says where and why. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
}

const topLevel = ['accessKeys', 'roles', 'policies']
const keyMembers = ['accessKeyId', 'secretAccessKey', 'account', 'user', 'role', 'policies']

/** `file` is the name for messages. Throws CredentialsError. */
export function parseCredentials(text: string, file: string): Credentials {
  const root = parsed(text, file)
  const fail = (path: string, wanted: string, ...found: readonly unknown[]): never => {
    // Its kind, never the value: that may be a secret.
    const what = found.length === 0 ? '' : `, found ${kindOf(found[0])}`
    throw new CredentialsError(`${file}: ${path}: expected ${wanted}${what}`)
  }
  if (!isMap(root)) return fail('the file', "a map with 'accessKeys:'", root)
  checkMembers(root, topLevel, (name, hint) => fail(name, `one of ${topLevel.join(', ')}${hint}`))
  const accessKeys = new Map<string, AccessKey>()
  const list = root['accessKeys'] ?? []
  if (!Array.isArray(list)) return fail('accessKeys', 'a list', list)
  for (const [index, entry] of list.entries()) {
    const path = `accessKeys[${index}]`
    if (!isMap(entry)) return fail(path, 'a map with accessKeyId and secretAccessKey', entry)
    checkMembers(entry, keyMembers, (name, hint) => fail(`${path}.${name}`, `one of ${keyMembers.join(', ')}${hint}`))
    const text_ = (name: string): string | undefined => {
      const value = entry[name]
      if (value === undefined || value === null) return undefined
      if (typeof value === 'string' && value !== '') return value
      return fail(`${path}.${name}`, 'text in quotes', value)
    }
    const accessKeyId = text_('accessKeyId') ?? fail(`${path}.accessKeyId`, 'text', undefined)
    const secretAccessKey = text_('secretAccessKey') ?? fail(`${path}.secretAccessKey`, 'text', undefined)
    const account = text_('account')
    if (!/^[\w.@/+=-]{1,128}$/.test(accessKeyId)) return fail(`${path}.accessKeyId`, '1 to 128 letters or digits')
    if (account !== undefined && !/^\d{12}$/.test(account)) return fail(`${path}.account`, '12 digits in quotes')
    const user = text_('user')
    const role = text_('role')
    if (user !== undefined && role !== undefined) return fail(path, 'user or role, not both')
    if (accessKeys.has(accessKeyId))
      return fail(`${path}.accessKeyId`, `an id of its own; '${accessKeyId}' came before`)
    accessKeys.set(accessKeyId, { accessKeyId, secretAccessKey, account, user, role })
  }
  return { accessKeys }
}

function parsed(text: string, file: string): unknown {
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw new CredentialsError(`${file}${error.line === undefined ? '' : `:${error.line}`}: ${error.message}`)
  }
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (value === '') return 'empty text'
  return typeof value === 'object' ? 'a map' : typeof value === 'string' ? 'text' : `a ${typeof value}`
}

/** A file with one key, as it is written when there is none. */
export function printCredentials({ accessKeyId, secretAccessKey }: AccessKey): string {
  return `# Who may call this Millrace server. Changes count within seconds; a wrong edit is reported and has no effect.
accessKeys:
  - accessKeyId: "${accessKeyId}"
    secretAccessKey: "${secretAccessKey}"
`
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkMembers(
  map: Readonly<Record<string, unknown>>,
  known: readonly string[],
  fail: (name: string, hint: string) => void,
): void {
  for (const name of Object.keys(map)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    // `secretAccessKey:wJal` without a space is all name: only what is nearly a known one can hold no secret.
    if (near === undefined) fail('?', `, found a name of ${name.length} characters`)
    else fail(name, `; did you mean '${near}'?`)
  }
}
