/** The context keys that conditions and variables of policies may ask of a request. Each is found when it is asked. */
import type { Peer } from '../../operations/operation.ts'
import type { Tags } from '../../streams/tags.ts'
import type { Context, ContextValue } from './pattern.ts'
import { type Principal, userIdOf } from './principal.ts'

export interface RequestFacts {
  readonly principal: Principal
  /** Ms since the epoch. */
  readonly nowMs: number
  readonly region: string
  readonly peer: Peer | undefined
  readonly resourceAccount: string
  readonly resourceTags?: Tags | undefined
  /** Tags that the request brings. */
  readonly requestTags?: Tags | undefined
  /** Keys of tags that the request takes away. */
  readonly tagKeys?: readonly string[] | undefined
  /** Keys of one operation alone, in lower case. */
  readonly others?: Readonly<Record<string, string | undefined>>
}

export function contextOf(facts: RequestFacts): Context {
  return (key) => {
    const of = known.get(key)
    if (of !== undefined) return of(facts)
    if (key.startsWith(RESOURCE_TAG)) return tagIn(facts.resourceTags, key.slice(RESOURCE_TAG.length))
    if (key.startsWith(REQUEST_TAG)) return tagIn(facts.requestTags, key.slice(REQUEST_TAG.length))
    return facts.others?.[key]
  }
}

const RESOURCE_TAG = 'aws:resourcetag/'
const REQUEST_TAG = 'aws:requesttag/'

/** By name in lower case. */
const known: ReadonlyMap<string, (facts: RequestFacts) => ContextValue> = new Map<
  string,
  (facts: RequestFacts) => ContextValue
>([
  ['aws:principalarn', ({ principal }) => principal.roleArn ?? principal.arn],
  ['aws:principalaccount', ({ principal }) => principal.account],
  ['aws:principaltype', ({ principal }) => principal.type],
  ['aws:username', ({ principal }) => principal.userName],
  ['aws:userid', ({ principal }) => userIdOf(principal)],
  ['aws:sourceip', ({ peer }) => peer?.address],
  ['aws:securetransport', ({ peer }) => peer && String(peer.isSecure)],
  ['aws:currenttime', ({ nowMs }) => new Date(nowMs).toISOString()],
  ['aws:epochtime', ({ nowMs }) => String(Math.floor(nowMs / 1000))],
  ['aws:requestedregion', ({ region }) => region],
  ['aws:resourceaccount', ({ resourceAccount }) => resourceAccount],
  ['aws:tagkeys', ({ requestTags, tagKeys }) => tagKeys ?? (requestTags && Object.keys(requestTags))],
])

/** Keys of tags are told apart by case everywhere but here. */
function tagIn(tags: Tags | undefined, lowerKey: string): string | undefined {
  return Object.entries(tags ?? {}).find(([key]) => key.toLowerCase() === lowerKey)?.[1]
}
