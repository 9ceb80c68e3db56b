/**
 * Whether a principal may: what its own policies say and what the resource's says, combined as AWS does. A denial
 * anywhere wins. Within an account either may allow, but a resource policy that names the whole account leaves it to
 * the principal's own; across accounts both must.
 */
import type { Context } from './pattern.ts'
import { type Access, accessOf, type Policy } from './policy.ts'
import type { Principal } from './principal.ts'

export interface Question {
  readonly principal: Principal
  /** `kinesis:PutRecord`. */
  readonly action: string
  /** An ARN, or `*` for actions that are about no resource. */
  readonly resource: string
  readonly context: Context
  /** 12 digits: whose the resource is. */
  readonly resourceAccount: string
  readonly resourcePolicy: Policy | undefined
  /** Of roles: within their account too, nothing goes that their own policy does not allow. */
  readonly isRole?: boolean
}

/** Why not, in the order in which AWS tells it. */
export type Denial =
  | 'denied by identity'
  | 'denied by resource'
  /** Of another account, whose resource policy does not allow it. */
  | 'not allowed by resource'
  | 'not allowed by identity'

/** `undefined`: allowed. */
export type Decision = Denial | undefined

export function decide(question: Question): Decision {
  const { principal, resourceAccount, resourcePolicy } = question
  const access = accessOf(question.action, question.resource, question.context)
  const own = effectOf(principal.policies, principal, access)
  if (own === 'deny') return 'denied by identity'
  const resources = resourcePolicy && effectOf([resourcePolicy], principal, access)
  if (resources === 'deny') return 'denied by resource'
  const isOwn = principal.account === resourceAccount
  if (resources === undefined && (!isOwn || question.isRole === true)) return 'not allowed by resource'
  if (isOwn && resources === 'allow') return undefined
  return own === 'allow' ? undefined : 'not allowed by identity'
}

/** `account`: allowed to the account, which may pass it on. */
function effectOf(
  policies: readonly Policy[],
  principal: Principal,
  access: Access,
): 'deny' | 'allow' | 'account' | undefined {
  let effect: 'allow' | 'account' | undefined
  for (const { statements } of policies) {
    for (const statement of statements) {
      if (effect === 'allow' && statement.effect === 'Allow') continue
      const match = statement.matchPrincipal(principal)
      if (match === undefined || !statement.matches(access)) continue
      if (statement.effect === 'Deny') return 'deny'
      effect = match === 'named' ? 'allow' : 'account'
    }
  }
  return effect
}

/** A denial in AWS's words: who, what, on what, and what was missing. */
export function deniedText(denial: Denial, principal: string, action: string, resource: string): string {
  const start = `User: ${principal} is not authorized to perform: ${action} on resource: ${resource}`
  switch (denial) {
    case 'denied by identity':
      return `${start} with an explicit deny in an identity-based policy`
    case 'denied by resource':
      return `${start} with an explicit deny in a resource-based policy`
    case 'not allowed by resource':
      return `${start} because no resource-based policy allows the ${action} action`
    case 'not allowed by identity':
      return `${start} because no identity-based policy allows the ${action} action`
  }
}
