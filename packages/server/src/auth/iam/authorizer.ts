/**
 * Whether a request may go on to its operation, and in whose world it runs. Policies of resources are compiled once a
 * document; decisions that depend on nothing but who, what and on what are remembered.
 */
import { KinesisError } from '@millrace/protocol'
import type { Clock } from '@millrace/std'

import type { Catalog } from '../../catalog/catalog.ts'
import type { OperationContext } from '../../operations/operation.ts'
import type { TokenSeal } from '../../streams/sealed-token.ts'
import { type Decision, decide, deniedText } from './decision.ts'
import { compilePolicy, type Policy, PolicyFault } from './policy.ts'
import type { Principal } from './principal.ts'
import { contextOf } from './request-context.ts'
import { type NamingInput, type RequiredAccess, requiredAccess, type Target } from './required-access.ts'

/** Decisions that are remembered: some 3 MB, 25 if all ARNs are as long as may be. All are forgotten when there are more. */
const DECISIONS_MAX = 10_000

export interface AuthorizerOptions {
  readonly catalog: Pick<Catalog, 'find' | 'withChannels'>
  readonly seal: TokenSeal
  readonly clock: Clock
}

/** A decision, and what it followed from: it counts for as long as these are the same. */
interface Remembered {
  readonly policies: readonly Policy[]
  readonly resourcePolicy: Policy | undefined
  readonly decision: Decision
}

export class Authorizer {
  readonly #options: AuthorizerOptions
  readonly #compiled = new WeakMap<object, Policy>()
  readonly #decisions = new Map<string, Remembered>()

  constructor(options: AuthorizerOptions) {
    this.#options = options
  }

  /** The context to run the operation in: that of the resource's account. Throws AccessDeniedException. */
  authorize(operation: string, input: NamingInput, context: OperationContext, principal: Principal): OperationContext {
    const { account, region } = context
    const needed = requiredAccess(operation, input, { ...this.#options, account, region })
    for (const access of needed) {
      const denial = this.#decide(access, input, context, principal)
      if (denial === undefined) continue
      const { action, target } = access
      throw new KinesisError('AccessDeniedException', deniedText(denial, principal.arn, action, target.resource))
    }
    const owner = needed[0]?.target.account
    return owner === undefined || owner === account ? context : new OwnerContext(context, owner)
  }

  #decide({ action, target }: RequiredAccess, input: NamingInput, context: OperationContext, principal: Principal) {
    const resourcePolicy = this.#policyOf(target)
    const { policies } = principal
    const { resource } = target
    // No name of a principal or an ARN has a line feed.
    const key = `${principal.arn}\n${action}\n${resource}`
    const before = this.#decisions.get(key)
    if (before !== undefined && before.policies === policies && before.resourcePolicy === resourcePolicy)
      return before.decision
    const decision = decide({
      principal,
      action,
      resource,
      resourceAccount: target.account,
      resourcePolicy,
      context: contextOf({
        principal,
        nowMs: this.#options.clock.now(),
        region: context.region,
        peer: context.peer,
        resourceAccount: target.account,
        resourceTags: target.labels?.tags,
        requestTags: input.Tags,
        tagKeys: input.TagKeys,
      }),
    })
    if (resourcePolicy?.isConstant !== false && policies.every((policy) => policy.isConstant)) {
      if (this.#decisions.size >= DECISIONS_MAX) this.#decisions.clear()
      this.#decisions.set(key, { policies, resourcePolicy, decision })
    }
    return decision
  }

  #policyOf({ labels }: Target): Policy | undefined {
    if (labels?.policy === undefined) return undefined
    let policy = this.#compiled.get(labels)
    if (policy === undefined) this.#compiled.set(labels, (policy = compiledText(labels.policy)))
    return policy
  }
}

function compiledText(text: string): Policy {
  try {
    return compilePolicy(JSON.parse(text), 'resource')
  } catch (error) {
    if (error instanceof PolicyFault || error instanceof SyntaxError) return unreadable
    throw error
  }
}

/** For a policy from before they were checked as closely: what it might deny is denied, and its owner can replace it. */
const unreadable = compilePolicy(
  {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Deny',
      Principal: '*',
      NotAction: ['kinesis:GetResourcePolicy', 'kinesis:PutResourcePolicy', 'kinesis:DeleteResourcePolicy'],
      Resource: '*',
    },
  },
  'resource',
)

/** The same request in the world of the account whose resource it is about. */
class OwnerContext implements OperationContext {
  readonly account: string
  readonly region: string
  readonly requestId: string
  readonly deadlineMs: number
  readonly codec?: NonNullable<OperationContext['codec']>
  readonly #caller: OperationContext

  constructor(caller: OperationContext, account: string) {
    this.account = account
    this.region = caller.region
    this.requestId = caller.requestId
    this.deadlineMs = caller.deadlineMs
    if (caller.codec !== undefined) this.codec = caller.codec
    this.#caller = caller
  }

  get signal(): AbortSignal {
    return this.#caller.signal
  }
}
