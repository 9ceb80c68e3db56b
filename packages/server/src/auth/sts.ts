/**
 * The two operations of the Security Token Service that clients of Kinesis need, on the same port: GetCallerIdentity
 * tells who one is, AssumeRole gives temporary credentials of a role. Forms come in, XML goes out (AWS's Query
 * protocol), signed for the service `sts`.
 */
import { KinesisError } from '@millrace/protocol'
import type { Clock } from '@millrace/std'

import type { WireRequest } from '../http/wire.ts'
import type { Audit } from './audit.ts'
import type { Authenticate, Caller } from './authenticate.ts'
import { SESSION_S_MAX } from './credentials.ts'
import { decide } from './iam/decision.ts'
import { allowEverything } from './iam/policy.ts'
import { roleArnOf, rootOf, sessionOf, userIdOf } from './iam/principal.ts'
import { contextOf } from './iam/request-context.ts'
import type { Identities } from './identities.ts'
import type { Sessions } from './sessions.ts'
import { StsError } from './sts-error.ts'

export const STS_VERSION = '2011-06-15'

/** What an operation answers: elements by name, texts or more elements. */
export interface StsResult {
  readonly [element: string]: string | StsResult
}

export interface StsAnswer {
  readonly action: string
  readonly result: StsResult
}

/** Answers a form, or throws StsError. */
export type Sts = (request: WireRequest, form: URLSearchParams) => StsAnswer

export interface StsOptions {
  readonly authenticate: Authenticate
  readonly identities: Identities
  readonly sessions: Sessions
  readonly clock: Clock
  /** Absent: there is no audit log. */
  readonly audit?: Audit | undefined
}

const DURATION_S_DEFAULT = 3_600
const DURATION_S_MIN = 900
/** What a session may have when it is of a role that was assumed by a role. */
const CHAINED_S_MAX = 3_600

/** Of AssumeRole. What would narrow the session must not go unheard: all else is refused. */
const assumeRoleMembers: ReadonlySet<string> = new Set([
  'Action',
  'Version',
  'RoleArn',
  'RoleSessionName',
  'DurationSeconds',
  'ExternalId',
])

export function createSts({ authenticate, identities, sessions, clock, audit }: StsOptions): Sts {
  return (request, form) => {
    const action = form.get('Action') ?? ''
    const asked = {
      request,
      service: 'sts',
      operation: action,
      input: { ResourceARN: form.get('RoleArn') ?? undefined },
    } as const
    let caller: Caller | undefined
    try {
      caller = callerOf(request)
      const result = resultOf(action, request, form, caller)
      audit?.({ ...asked, caller })
      return { action, result }
    } catch (error) {
      audit?.({ ...asked, caller, error })
      throw error
    }
  }

  function resultOf(action: string, request: WireRequest, form: URLSearchParams, caller: Caller): StsResult {
    if (action === 'GetCallerIdentity') return getCallerIdentity(caller)
    if (action === 'AssumeRole') return assumeRole(request, form, caller)
    throw new StsError('InvalidAction', `Could not find operation ${action.slice(0, 64)} for version ${STS_VERSION}`)
  }

  function callerOf(request: WireRequest): Caller {
    try {
      return authenticate.caller(request, undefined, 'sts')
    } catch (error) {
      throw error instanceof KinesisError ? StsError.of(error) : error
    }
  }

  function getCallerIdentity({ account, principal = rootOf(account, []) }: Caller): StsResult {
    return { UserId: userIdOf(principal), Account: account, Arn: principal.arn }
  }

  function assumeRole(request: WireRequest, form: URLSearchParams, caller: Caller): StsResult {
    const unheard = [...form.keys()].find((name) => !assumeRoleMembers.has(name))
    // The text is ours.
    if (unheard !== undefined)
      throw new StsError('ValidationError', `${unheard.slice(0, 64)} is not supported by this server.`)
    const arn = constrained(form, 'RoleArn', /^arn:aws[\w-]*:iam::\d{12}:role\/[\u0021-\u007e]{1,512}$/)
    const name = constrained(form, 'RoleSessionName', /^[\w+=,.@-]{2,64}$/)
    const durationS = durationOf(form)
    const [, account = '', roleName = ''] = /^arn:[^:]*:iam::(\d{12}):role\/(.*)$/.exec(arn) ?? []
    if (authenticate.mode !== 'none')
      assertMayAssume(request, form, caller, { account, roleName, arn, name, durationS })
    const { session, token } = sessions.issue({ account, role: roleName, name }, durationS)
    const principal = sessionOf(account, roleName, name, [])
    return {
      AssumedRoleUser: { AssumedRoleId: userIdOf(principal), Arn: principal.arn },
      Credentials: {
        AccessKeyId: session.accessKeyId,
        SecretAccessKey: session.secretAccessKey,
        SessionToken: token,
        Expiration: `${new Date(session.expiresMs).toISOString().slice(0, -5)}Z`,
      },
    }
  }

  /** The role's trust policy decides, with the caller's own where policies are enforced. */
  function assertMayAssume(
    request: WireRequest,
    form: URLSearchParams,
    caller: Caller,
    asked: { account: string; roleName: string; arn: string; name: string; durationS: number },
  ): void {
    const { account, roleName, arn, name, durationS } = asked
    const role = identities.role(account, roleName)
    const by = caller.principal ?? rootOf(caller.account, [])
    const principal = authenticate.mode === 'iam' ? by : { ...by, policies: [allowEverything] }
    const action = 'sts:AssumeRole'
    const denial =
      role === undefined
        ? 'not allowed by resource'
        : decide({
            principal,
            action,
            resource: roleArnOf(account, roleName),
            resourceAccount: account,
            resourcePolicy: role.trust,
            isRole: true,
            context: contextOf({
              principal,
              nowMs: clock.now(),
              region: caller.region,
              peer: request.peer,
              resourceAccount: account,
              others: { 'sts:externalid': form.get('ExternalId') ?? undefined, 'sts:rolesessionname': name },
            }),
          })
    // Nobody learns whether there is such a role who may not assume it.
    if (role === undefined || denial !== undefined)
      throw new StsError('AccessDenied', `User: ${by.arn} is not authorized to perform: ${action} on resource: ${arn}`)
    if (durationS > role.maxSessionS)
      throw new StsError(
        'ValidationError',
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      )
    if (by.type === 'AssumedRole' && durationS > CHAINED_S_MAX)
      throw new StsError(
        'ValidationError',
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
      )
  }
}

function constrained(form: URLSearchParams, name: string, pattern: RegExp): string {
  const value = form.get(name) ?? ''
  if (pattern.test(value)) return value
  const member = name.charAt(0).toLowerCase() + name.slice(1)
  throw new StsError(
    'ValidationError',
    value === ''
      ? `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`
      : `1 validation error detected: Value '${value.slice(0, 64)}' at '${member}' failed to satisfy constraint: ` +
          `Member must satisfy regular expression pattern: ${pattern.source}`,
  )
}

function durationOf(form: URLSearchParams): number {
  const text = form.get('DurationSeconds')
  if (text === null) return DURATION_S_DEFAULT
  const durationS = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (durationS >= DURATION_S_MIN && durationS <= SESSION_S_MAX) return durationS
  const bound =
    durationS > SESSION_S_MAX ? `less than or equal to ${SESSION_S_MAX}` : `greater than or equal to ${DURATION_S_MIN}`
  throw new StsError(
    'ValidationError',
    `1 validation error detected: Value '${text.slice(0, 64)}' at 'durationSeconds' failed to satisfy constraint: ` +
      `Member must have value ${bound}`,
  )
}
