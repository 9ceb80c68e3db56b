/**
 * A policy document in IAM's language, compiled: read strictly, once, and then asked many times. Messages name the
 * place and what was expected, and never repeat what was found.
 */
import { allOf, compileCondition, type Conditions } from './conditions.ts'
import { compilePattern, type Context, splitArn } from './pattern.ts'
import type { Principal } from './principal.ts'

/**
 * - `identity`: belongs to who asks. Has no Principal.
 * - `resource`: belongs to what is asked for. Has one.
 * - `trust`: belongs to a role. Has a Principal and no Resource: it is about the role.
 */
export type PolicyKind = 'identity' | 'resource' | 'trust'

/** What is asked, taken apart once for all statements. */
export interface Access {
  /** In lower case. */
  readonly action: string
  /** Of an ARN: 6. */
  readonly resourceParts: readonly string[]
  readonly context: Context
}

/** `action`: `kinesis:PutRecord`. `resource`: an ARN, or `*` for actions that are about none. */
export function accessOf(action: string, resource: string, context: Context): Access {
  return { action: action.toLowerCase(), resourceParts: splitArn(resource, ARN_PARTS), context }
}

export type Effect = 'Allow' | 'Deny'

/** How a statement names who asks: by name or as anybody, by the whole account, or not at all. */
export type PrincipalMatch = 'named' | 'account' | undefined

export interface Statement {
  readonly effect: Effect
  /** The answer depends on nothing but who asks, the action and the resource. */
  readonly isConstant: boolean
  readonly matchPrincipal: (principal: Principal) => PrincipalMatch
  /** Without the principal. */
  readonly matches: (access: Access) => boolean
}

export interface Policy {
  readonly isConstant: boolean
  readonly statements: readonly Statement[]
}

/** The document is no policy of that kind; `path` says where, like `Statement[0].Effect`. */
export class PolicyFault extends Error {
  override readonly name = 'PolicyFault'
  readonly path: string
  /** What was expected there. */
  readonly wanted: string

  constructor(path: string, wanted: string) {
    super(path === '' ? `expected ${wanted}` : `${path}: expected ${wanted}`)
    this.path = path
    this.wanted = wanted
  }
}

const STATEMENTS_MAX = 1_000
const LATEST = '2012-10-17'
const ARN_PARTS = 6

/** Throws PolicyFault. */
export function compilePolicy(document: unknown, kind: PolicyKind): Policy {
  if (!isMap(document)) throw new PolicyFault('', 'a map with Version and Statement')
  checkMembers(document, ['Version', 'Id', 'Statement'], '')
  const version = document['Version']
  if (version !== undefined && version !== LATEST && version !== '2008-10-17')
    throw new PolicyFault('Version', `'${LATEST}'`)
  const list = Array.isArray(document['Statement']) ? (document['Statement'] as unknown[]) : [document['Statement']]
  if (document['Statement'] === undefined || list.length === 0)
    throw new PolicyFault('Statement', 'one or more statements')
  if (list.length > STATEMENTS_MAX) throw new PolicyFault('Statement', `at most ${STATEMENTS_MAX} statements`)
  const statements = list.map((statement, index) =>
    compileStatement(statement, kind, version === LATEST, `Statement[${index}]`),
  )
  return { statements, isConstant: statements.every((statement) => statement.isConstant) }
}

const members = ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'] // prettier-ignore

function compileStatement(value: unknown, kind: PolicyKind, variables: boolean, path: string): Statement {
  if (!isMap(value)) throw new PolicyFault(path, 'a map with Effect, Action and Resource')
  checkMembers(value, members, `${path}.`)
  const effect = value['Effect']
  if (effect !== 'Allow' && effect !== 'Deny') throw new PolicyFault(`${path}.Effect`, "'Allow' or 'Deny'")
  const actions = compileActions(value, path)
  const resources = compileResources(value, kind, variables, path)
  const conditions = compileConditions(value['Condition'], variables, `${path}.Condition`)
  return {
    effect,
    isConstant: resources.isConstant && conditions.isConstant,
    matchPrincipal: compilePrincipals(value, kind, path),
    matches: (access) => actions(access.action) && resources.match(access) && conditions.hold(access.context),
  }
}

/** Which of two members is there: exactly one must be. */
function eitherOf(statement: Members, name: string, path: string): { readonly values: unknown; readonly not: boolean } {
  const [values, others] = [statement[name], statement[`Not${name}`]]
  if ((values === undefined) === (others === undefined))
    throw new PolicyFault(`${path}.${name}`, `${name} or Not${name}, and not both`)
  return values === undefined ? { values: others, not: true } : { values, not: false }
}

function compileActions(statement: Members, path: string): (action: string) => boolean {
  const { values, not } = eitherOf(statement, 'Action', path)
  const patterns = textsOf(values, `${path}.${not ? 'NotAction' : 'Action'}`, (text) => {
    if (text !== '*' && !/^[\w-]{1,64}:[\w*?-]{1,128}$/.test(text)) return "'*' or actions like kinesis:PutRecord"
    return undefined
  }).map((text) => compilePattern(text.toLowerCase(), { wildcards: true, variables: false }))
  return (action) => patterns.some((pattern) => pattern.matches(action, noContext) === true) !== not
}

interface Resources {
  readonly isConstant: boolean
  readonly match: (access: Access) => boolean
}

function compileResources(statement: Members, kind: PolicyKind, variables: boolean, path: string): Resources {
  if (kind === 'trust') {
    if (statement['Resource'] !== undefined || statement['NotResource'] !== undefined)
      throw new PolicyFault(`${path}.Resource`, 'none: a trust policy is about its role')
    return { isConstant: true, match: () => true }
  }
  const { values, not } = eitherOf(statement, 'Resource', path)
  const resources = textsOf(values, `${path}.${not ? 'NotResource' : 'Resource'}`, (text) =>
    text === '*' || text.startsWith('arn:') ? undefined : "'*' or ARNs",
  ).map((text) => compileResource(text, variables))
  return {
    isConstant: resources.every((resource) => resource.isConstant),
    match(access) {
      let unknown = false
      for (const each of resources) {
        const matches = each.matches(access)
        if (matches === true) return !not
        unknown ||= matches === undefined
      }
      return not && !unknown
    },
  }
}

interface ResourcePattern {
  readonly isConstant: boolean
  /** `undefined`: as of patterns. */
  readonly matches: (access: Access) => boolean | undefined
}

/**
 * An ARN is compared part by part: no wildcard reaches over a colon, but in the last, where one stands for nothing in
 * the type of the resource, `stream/`. Missing parts are any.
 */
function compileResource(text: string, variables: boolean): ResourcePattern {
  if (text === '*') return { isConstant: true, matches: () => true }
  const parts = [...splitArn(text, ARN_PARTS)]
  const type = /^[^/:]*[/:]/.exec(parts[ARN_PARTS - 1] ?? '')?.[0] ?? ''
  if (type !== '') parts[ARN_PARTS - 1] = (parts[ARN_PARTS - 1] ?? '').slice(type.length)
  const patterns = parts.map((part) => compilePattern(part, { wildcards: true, variables }))
  return {
    isConstant: patterns.every((pattern) => pattern.isConstant),
    matches({ resourceParts, context }) {
      const last = resourceParts[ARN_PARTS - 1]
      if (last === undefined || !last.startsWith(type)) return false
      let all: boolean | undefined = true
      for (const [index, pattern] of patterns.entries()) {
        const part = index === ARN_PARTS - 1 ? last.slice(type.length) : (resourceParts[index] ?? '')
        const matches = pattern.matches(part, context)
        if (matches === false) return false
        if (matches === undefined) all = undefined
      }
      return all
    },
  }
}

function compileConditions(value: unknown, variables: boolean, path: string): Conditions {
  if (value === undefined) return allOf([])
  if (!isMap(value)) throw new PolicyFault(path, 'a map of operators')
  const conditions = Object.entries(value).flatMap(([operator, keys]) => {
    // The name of an operator is the writer's own: its place is told by the block alone.
    if (!isMap(keys)) throw new PolicyFault(path, 'a map of context keys for each operator')
    return Object.entries(keys).map(([key, wanted]) => {
      const condition = compileCondition(operator, key, valuesOf(wanted, path), variables)
      if (condition === undefined) throw new PolicyFault(path, 'operators like StringEquals or ArnLike')
      return condition
    })
  })
  return allOf(conditions)
}

/** YAML has numbers and booleans of its own. */
function valuesOf(value: unknown, path: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new PolicyFault(path, 'at least one value of each context key')
  return list.map((each) => {
    if (typeof each === 'string') return each
    if (typeof each === 'number' || typeof each === 'boolean') return String(each)
    throw new PolicyFault(path, 'texts as values of context keys')
  })
}

function compilePrincipals(statement: Members, kind: PolicyKind, path: string): Statement['matchPrincipal'] {
  if (kind === 'identity') {
    if (statement['Principal'] !== undefined || statement['NotPrincipal'] !== undefined)
      throw new PolicyFault(`${path}.Principal`, 'none: the policy belongs to who asks')
    return () => 'named'
  }
  const { values, not } = eitherOf(statement, 'Principal', path)
  const matchers = principalsOf(values, `${path}.${not ? 'NotPrincipal' : 'Principal'}`)
  return (principal) => {
    const found = matchers.map((match) => match(principal))
    if (not) return found.every((match) => match === undefined) ? 'named' : undefined
    return found.includes('named') ? 'named' : found.find((match) => match !== undefined)
  }
}

function principalsOf(value: unknown, path: string): readonly Statement['matchPrincipal'][] {
  if (value === '*') return [() => 'named']
  if (!isMap(value)) throw new PolicyFault(path, "'*' or a map like {AWS: ARN}")
  checkMembers(value, ['AWS', 'Service', 'Federated', 'CanonicalUser'], `${path}.`)
  // Nobody else than accounts, users and roles ever asks here.
  if (value['AWS'] === undefined) return []
  const valid = /^(\*|\d{12}|arn:aws[\w-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role)\/[^*?]+))$/
  return textsOf(value['AWS'], `${path}.AWS`, (text) =>
    valid.test(text) ? undefined : "'*', accounts, or ARNs of users and roles without wildcards",
  ).map((text) => {
    if (text === '*') return () => 'named'
    const account = /^(?:arn:aws[\w-]*:iam::)?(\d{12})(?::root)?$/.exec(text)?.[1]
    if (account !== undefined) return (principal) => (principal.account === account ? 'account' : undefined)
    return (principal) => (principal.arn === text || principal.roleArn === text ? 'named' : undefined)
  })
}

/** One text or several, each of which `fault` finds nothing wrong with. */
function textsOf(value: unknown, path: string, fault: (text: string) => string | undefined): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new PolicyFault(path, 'at least one')
  return list.map((text) => {
    if (typeof text !== 'string') throw new PolicyFault(path, 'a text, or a list of them')
    const wrong = fault(text)
    if (wrong !== undefined) throw new PolicyFault(path, wrong)
    return text
  })
}

type Members = Readonly<Record<string, unknown>>

function isMap(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkMembers(map: Members, known: readonly string[], prefix: string): void {
  if (Object.keys(map).every((name) => known.includes(name))) return
  throw new PolicyFault(`${prefix}?`, `nothing but ${known.join(', ')}`)
}

const noContext: Context = () => undefined

/** Of whoever may do everything in their account, and elsewhere what they are allowed there. */
export const allowEverything = compilePolicy(
  { Version: LATEST, Statement: { Effect: 'Allow', Action: '*', Resource: '*' } },
  'identity',
)
