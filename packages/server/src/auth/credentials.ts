/**
 * The credentials file: YAML, read strictly: access keys, roles, and the policies of both. Messages name the place,
 * never a secret.
 */
import { YamlShape } from '../yaml-shape.ts'
import { compilePolicy, type Policy, PolicyFault, type PolicyKind } from './iam/policy.ts'

export interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** 12 digits. Undefined: the server's, or the access key itself if it is 12 digits. */
  readonly account: string | undefined
  /** Who signs with it: `user` and `role` exclude one another; neither: the root of the account. */
  readonly user: string | undefined
  readonly role: string | undefined
  /** What may be done with it under `--auth iam`: nothing without any. */
  readonly policies: readonly Policy[]
}

export interface Role {
  readonly name: string
  /** 12 digits. Undefined: the server's. */
  readonly account: string | undefined
  /** Who may assume it. */
  readonly trust: Policy
  readonly policies: readonly Policy[]
  /** The longest that a session of it may last, seconds. Default 3,600. */
  readonly maxSessionS: number
}

export interface Credentials {
  readonly accessKeys: ReadonlyMap<string, AccessKey>
  /** Each name once in an account. */
  readonly roles: readonly Role[]
}

/** The file cannot be used; the message says where and why. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
}

/** As IAM: the longest session that a role may allow, and the least that it may be bound to. */
export const SESSION_S_MAX = 43_200
const MAX_SESSION_S_MIN = 3_600

const topLevel = ['accessKeys', 'roles', 'policies']
const keyMembers = ['accessKeyId', 'secretAccessKey', 'account', 'user', 'role', 'policies']
const roleMembers = ['name', 'account', 'trust', 'policies', 'maxSessionDuration']
/** Of users and roles, as IAM has them; without paths. */
const NAME = /^[\w+=,.@-]{1,64}$/

/** `file` is the name for messages. Throws CredentialsError. */
export function parseCredentials(text: string, file: string): Credentials {
  const shape = new YamlShape(file, CredentialsError)
  const root = shape.map(shape.parse(text), '', "a map with 'accessKeys:'", topLevel)
  const named = namedPolicies(root['policies'] ?? {}, shape)
  const accessKeys = new Map<string, AccessKey>()
  for (const [path, entry] of entriesOf(root, 'accessKeys', 'accessKeyId and secretAccessKey', keyMembers, shape)) {
    const key = accessKeyOf(entry, path, named, shape)
    if (accessKeys.has(key.accessKeyId))
      return shape.fail(`${path}.accessKeyId`, `an id of its own; '${key.accessKeyId}' came before`)
    accessKeys.set(key.accessKeyId, key)
  }
  const roles: Role[] = []
  for (const [path, entry] of entriesOf(root, 'roles', 'name and trust', roleMembers, shape)) {
    const role = roleOf(entry, path, named, shape)
    if (roles.some(({ name, account }) => name === role.name && account === role.account))
      return shape.fail(`${path}.name`, 'a name of its own in its account')
    roles.push(role)
  }
  return { accessKeys, roles }
}

type Members = Readonly<Record<string, unknown>>

function* entriesOf(
  root: Members,
  list: string,
  wanted: string,
  members: readonly string[],
  shape: YamlShape,
): Generator<readonly [string, Members]> {
  for (const [index, value] of shape.list(root[list] ?? [], list).entries()) {
    const path = `${list}[${index}]`
    yield [path, shape.map(value, path, `a map with ${wanted}`, members)]
  }
}

function accessKeyOf(entry: Members, path: string, named: NamedPolicies, shape: YamlShape): AccessKey {
  const text = (name: string): string | undefined => shape.text(entry[name], `${path}.${name}`)
  const accessKeyId = text('accessKeyId') ?? shape.fail(`${path}.accessKeyId`, 'text', undefined)
  const secretAccessKey = text('secretAccessKey') ?? shape.fail(`${path}.secretAccessKey`, 'text', undefined)
  if (!/^[\w.@/+=-]{1,128}$/.test(accessKeyId)) return shape.fail(`${path}.accessKeyId`, '1 to 128 letters or digits')
  const account = accountOf(entry, path, shape)
  const user = nameOf(entry, 'user', path, shape)
  const role = nameOf(entry, 'role', path, shape)
  if (user !== undefined && role !== undefined) return shape.fail(path, 'user or role, not both')
  return { accessKeyId, secretAccessKey, account, user, role, policies: policiesOf(entry, path, named, shape) }
}

function roleOf(entry: Members, path: string, named: NamedPolicies, shape: YamlShape): Role {
  const name = nameOf(entry, 'name', path, shape) ?? shape.fail(`${path}.name`, 'text', undefined)
  const maxSessionS = entry['maxSessionDuration'] ?? MAX_SESSION_S_MIN
  if (
    typeof maxSessionS !== 'number' ||
    !Number.isInteger(maxSessionS) ||
    maxSessionS < MAX_SESSION_S_MIN ||
    maxSessionS > SESSION_S_MAX
  )
    return shape.fail(`${path}.maxSessionDuration`, `whole seconds from ${MAX_SESSION_S_MIN} to ${SESSION_S_MAX}`)
  return {
    name,
    account: accountOf(entry, path, shape),
    trust: policyAt(entry['trust'], 'trust', `${path}.trust`, shape),
    policies: policiesOf(entry, path, named, shape),
    maxSessionS,
  }
}

type NamedPolicies = ReadonlyMap<string, Policy>

function namedPolicies(value: unknown, shape: YamlShape): NamedPolicies {
  if (!isMap(value)) return shape.fail('policies', 'a map of policies by name', value)
  return new Map(
    Object.entries(value).map(([name, document], index) => {
      if (!NAME.test(name)) return shape.fail(`policies.(name ${index + 1})`, '1 to 64 letters or digits as a name')
      return [name, policyAt(document, 'identity', `policies.${name}`, shape)]
    }),
  )
}

function policiesOf(entry: Members, path: string, named: NamedPolicies, shape: YamlShape): readonly Policy[] {
  const list = entry['policies'] ?? []
  if (!Array.isArray(list)) return shape.fail(`${path}.policies`, 'a list of policies or names of them', list)
  return list.map((value: unknown, index) => {
    const at = `${path}.policies[${index}]`
    if (typeof value !== 'string') return policyAt(value, 'identity', at, shape)
    return named.get(value) ?? shape.fail(at, "a policy, or the name of one of 'policies:'")
  })
}

function policyAt(value: unknown, kind: PolicyKind, path: string, shape: YamlShape): Policy {
  try {
    return compilePolicy(value, kind)
  } catch (error) {
    if (!(error instanceof PolicyFault)) throw error
    return shape.fail(error.path === '' ? path : `${path}.${error.path}`, error.wanted)
  }
}

function accountOf(entry: Members, path: string, shape: YamlShape): string | undefined {
  const account = shape.text(entry['account'], `${path}.account`)
  if (account !== undefined && !/^\d{12}$/.test(account)) return shape.fail(`${path}.account`, '12 digits in quotes')
  return account
}

function nameOf(entry: Members, member: string, path: string, shape: YamlShape): string | undefined {
  const name = shape.text(entry[member], `${path}.${member}`)
  if (name !== undefined && !NAME.test(name))
    return shape.fail(`${path}.${member}`, '1 to 64 letters, digits or _+=,.@-')
  return name
}

/** A file with one key that may do everything, as it is written when there is none. */
export function printCredentials({ accessKeyId, secretAccessKey }: AccessKey): string {
  return `# Who may call this Millrace server. Changes count within seconds; a wrong edit is reported and has no effect.
accessKeys:
  - accessKeyId: "${accessKeyId}"
    secretAccessKey: "${secretAccessKey}"
    policies: [everything]
# Policies count under --auth iam. Without one a key may do nothing there.
policies:
  everything:
    Version: "2012-10-17"
    Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
`
}

function isMap(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
