/**
 * The credentials file: YAML, read strictly. What it may hold of principals and policies is checked for its shape and
 * kept for `--auth iam`; only the access keys count today. Messages name the place, never a secret.
 */
import { YamlShape } from '../yaml-shape.ts'

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
  const shape = new YamlShape(file, CredentialsError)
  const root = shape.map(shape.parse(text), '', "a map with 'accessKeys:'", topLevel)
  const accessKeys = new Map<string, AccessKey>()
  for (const [index, value] of shape.list(root['accessKeys'] ?? [], 'accessKeys').entries()) {
    const path = `accessKeys[${index}]`
    const entry = shape.map(value, path, 'a map with accessKeyId and secretAccessKey', keyMembers)
    const text_ = (name: string): string | undefined => shape.text(entry[name], `${path}.${name}`)
    const accessKeyId = text_('accessKeyId') ?? shape.fail(`${path}.accessKeyId`, 'text', undefined)
    const secretAccessKey = text_('secretAccessKey') ?? shape.fail(`${path}.secretAccessKey`, 'text', undefined)
    const account = text_('account')
    if (!/^[\w.@/+=-]{1,128}$/.test(accessKeyId)) shape.fail(`${path}.accessKeyId`, '1 to 128 letters or digits')
    if (account !== undefined && !/^\d{12}$/.test(account)) shape.fail(`${path}.account`, '12 digits in quotes')
    const user = text_('user')
    const role = text_('role')
    if (user !== undefined && role !== undefined) shape.fail(path, 'user or role, not both')
    if (accessKeys.has(accessKeyId)) shape.fail(`${path}.accessKeyId`, `an id of its own; '${accessKeyId}' came before`)
    accessKeys.set(accessKeyId, { accessKeyId, secretAccessKey, account, user, role })
  }
  return { accessKeys }
}

/** A file with one key, as it is written when there is none. */
export function printCredentials({ accessKeyId, secretAccessKey }: AccessKey): string {
  return `# Who may call this Millrace server. Changes count within seconds; a wrong edit is reported and has no effect.
accessKeys:
  - accessKeyId: "${accessKeyId}"
    secretAccessKey: "${secretAccessKey}"
`
}
