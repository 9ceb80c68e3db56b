/** Our evaluator against an independent one, over generated policies and requests. */
import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { decide } from './decision.ts'
import type { Context, ContextValue } from './pattern.ts'
import { compilePolicy, type PolicyKind } from './policy.ts'
import { type Principal, rootOf, sessionOf, userOf } from './principal.ts'

const CASES = 4_000
const SEED = 20261129

const accounts = ['111122223333', '444455556666']
const streams = ['orders', 'orders-eu', 'clicks']
/** Those of the first kind bring tags. */
const tagging = ['CreateStream', 'AddTagsToStream']
const actions = [...tagging, 'PutRecord', 'PutRecords', 'GetRecords', 'DescribeStreamSummary', 'ListShards']
const actionPatterns = [...actions.map((name) => `kinesis:${name}`), 'kinesis:*', '*', 'kinesis:Put*', 'KINESIS:putrecor?', 'kinesis:List*', 'sqs:*'] // prettier-ignore

type Values = Record<string, string | string[]>

const pick = <T>(random: Random, list: readonly T[]): T => list[randomBelow(random, list.length)] as T
const chance = (random: Random, percent: number): boolean => randomBelow(random, 100) < percent
const some = <T>(random: Random, make: () => T): T | T[] =>
  chance(random, 50) ? make() : Array.from({ length: 1 + randomBelow(random, 3) }, make)

function arnPattern(random: Random): string {
  return pick(random, [
    '*',
    `arn:aws:kinesis:us-east-1:${pick(random, accounts)}:stream/${pick(random, streams)}`,
    `arn:aws:kinesis:*:${pick(random, accounts)}:stream/*`,
    'arn:aws:kinesis:*:*:stream/orders*',
    'arn:aws:kinesis:us-*-1:*:stream/?????s',
    'arn:aws:kinesis:us-east-1:*:*/clicks',
    'arn:aws:kinesis:*:*:stream/${aws:username}',
    "arn:aws:kinesis:*:*:stream/${aws:username, 'orders'}",
    'arn:aws:kinesis:*:*:stream/or${?}ers',
    'arn:aws:kinesis:*',
    'arn:aws:sqs:*:*:*',
  ])
}

const texts = ['ann', 'bob', 'orders', 'ORDERS', 'or*', '?nn', 'a${*}', '${aws:username}', "${aws:nothing, 'ann'}", '${aws:nothing}', ''] // prettier-ignore
const numbers = ['1', '5', '10', '2.5', '-3', 'many']
const dates = ['2026-01-01T00:00:00Z', '2026-06-01T12:00:00Z', '2026-12-31T23:59:59Z', 'soon']
const arns = ['arn:aws:iam::111122223333:user/ann', 'arn:aws:iam::*:user/*', 'arn:aws:iam::111122223333:role/reader', 'arn:*:*::444455556666:*', 'arn:aws:iam', 'ann'] // prettier-ignore
// Their /0 holds nothing: ours is a unit test.
const addresses = ['203.0.113.0/24', '203.0.113.9', '10.0.0.0/8', '2001:db8::/32']

function condition(random: Random): [string, string, string | string[]] {
  const decorated = (name: string, negative = true): string => {
    const full = negative ? name.replace('#', pick(random, ['', 'Not'])) : name.replace('#', '')
    return pick(random, [full, full, full, `${full}IfExists`, `ForAnyValue:${full}`, `ForAllValues:${full}`])
  }
  const kind = randomBelow(random, 8)
  const textKey = pick(random, ['aws:username', 'aws:ResourceTag/team', 'AWS:RequestTag/Team', 'aws:TagKeys', 'aws:nothing']) // prettier-ignore
  const order = pick(random, ['LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'])
  if (kind <= 2)
    return [decorated(pick(random, ['String#Equals', 'String#Like', 'String#EqualsIgnoreCase'])), textKey, some(random, () => pick(random, texts))] // prettier-ignore
  if (kind === 3)
    return [decorated(pick(random, ['Numeric#Equals', `Numeric${order}`]), true), 'aws:MultiFactorAuthAge', some(random, () => pick(random, numbers))] // prettier-ignore
  if (kind === 4)
    return [decorated(pick(random, ['Date#Equals', `Date${order}`]), true), 'aws:CurrentTime', some(random, () => pick(random, dates))] // prettier-ignore
  if (kind === 5) return [decorated(pick(random, ['Arn#Like', 'Arn#Equals'])), 'aws:PrincipalArn', some(random, () => pick(random, arns))] // prettier-ignore
  if (kind === 6) return [decorated('Bool', false), 'aws:SecureTransport', some(random, () => pick(random, ['true', 'false', 'TRUE', 'maybe']))] // prettier-ignore
  if (chance(random, 40)) return [pick(random, ['IpAddress', 'NotIpAddress', 'IpAddressIfExists']), 'aws:SourceIp', some(random, () => pick(random, addresses))] // prettier-ignore
  return ['Null', pick(random, ['aws:username', 'aws:TagKeys', 'aws:nothing']), pick(random, ['true', 'false'])]
}

function principalName(random: Random): string {
  const account = pick(random, accounts)
  return pick(random, [
    '*',
    account,
    `arn:aws:iam::${account}:root`,
    `arn:aws:iam::${account}:user/ann`,
    `arn:aws:iam::${account}:role/reader`,
    `arn:aws:sts::${account}:assumed-role/reader/morning`,
  ])
}

function statement(random: Random, kind: PolicyKind): Record<string, unknown> {
  const made: Record<string, unknown> = { Effect: chance(random, 70) ? 'Allow' : 'Deny' }
  made[chance(random, 85) ? 'Action' : 'NotAction'] = some(random, () => pick(random, actionPatterns))
  made[chance(random, 85) ? 'Resource' : 'NotResource'] = some(random, () => arnPattern(random))
  if (kind === 'resource') {
    const named = chance(random, 15) ? '*' : { AWS: some(random, () => principalName(random)) }
    made[chance(random, 90) ? 'Principal' : 'NotPrincipal'] = named
  }
  if (chance(random, 50)) {
    const block: Record<string, Record<string, unknown>> = {}
    for (let left = 1 + randomBelow(random, 2); left > 0; left--) {
      const [operator, key, wanted] = condition(random)
      block[operator] = { ...block[operator], [key]: wanted }
    }
    made['Condition'] = block
  }
  return made
}

const policy = (random: Random, kind: PolicyKind) => ({
  Version: '2012-10-17',
  Statement: Array.from({ length: 1 + randomBelow(random, 3) }, () => statement(random, kind)),
})

function principal(random: Random, policies: Principal['policies']): Principal {
  const account = pick(random, accounts)
  const name = pick(random, ['ann', 'bob'])
  return pick(random, [rootOf(account, policies), userOf(account, name, policies), sessionOf(account, 'reader', pick(random, ['morning', 'noon']), policies)]) // prettier-ignore
}

function contextValues(random: Random, asked: Principal, tags: boolean): Values {
  const values: Values = {
    'aws:CurrentTime': pick(random, dates.slice(0, 3)),
    'aws:PrincipalArn': asked.roleArn ?? asked.arn,
  }
  if (asked.userName !== undefined) values['aws:username'] = asked.userName
  if (chance(random, 70)) values['aws:ResourceTag/team'] = pick(random, ['ann', 'orders', 'ORDERS'])
  if (tags && chance(random, 70)) values['aws:RequestTag/Team'] = pick(random, ['ann', 'a*'])
  if (tags && chance(random, 70)) values['aws:TagKeys'] = Array.from({ length: randomBelow(random, 3) }, () => pick(random, ['ann', 'orders'])) // prettier-ignore
  if (chance(random, 50)) values['aws:MultiFactorAuthAge'] = pick(random, numbers)
  if (chance(random, 70)) values['aws:SecureTransport'] = pick(random, ['true', 'false'])
  if (chance(random, 70))
    values['aws:SourceIp'] = pick(random, ['203.0.113.9', '10.1.2.3', '198.51.100.1', '2001:db8::1'])
  return values
}

function contextOf(values: Values): Context {
  const byName = new Map<string, ContextValue>(
    Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]),
  )
  return (key) => byName.get(key)
}

describe('the evaluator and the oracle', () => {
  it(`agree on ${CASES} generated cases`, async () => {
    const random = seededRandom(SEED)
    const counts = { allowed: 0, denied: 0, refused: 0 }
    for (let n = 0; n < CASES; n++) {
      const identity = Array.from({ length: randomBelow(random, 3) }, () => policy(random, 'identity'))
      const resource = chance(random, 60) ? policy(random, 'resource') : undefined
      const asked = principal(random, identity.map((document) => compilePolicy(document, 'identity'))) // prettier-ignore
      const resourceAccount = chance(random, 60) ? asked.account : pick(random, accounts)
      const arn = `arn:aws:kinesis:${pick(random, ['us-east-1', 'us-west-1'])}:${resourceAccount}:stream/${pick(random, streams)}`
      const operation = pick(random, actions)
      const action = `kinesis:${operation}`
      const values = contextValues(random, asked, tagging.includes(operation))
      const simulation: Simulation = {
        request: {
          principal: asked.arn,
          action,
          resource: { resource: arn, accountId: resourceAccount },
          contextVariables: values,
        },
        identityPolicies: identity.map((document, index) => ({ name: `own ${index}`, policy: document })),
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        ...(resource === undefined ? {} : { resourcePolicy: resource }),
      }
      const answer = await runSimulation(simulation, {})
      if (answer.resultType !== 'single') throw new Error(`case ${n}: ${JSON.stringify({ answer, simulation })}`)
      const theirs = answer.overallResult
      const ours = decide({
        principal: asked,
        action,
        resource: arn,
        resourceAccount,
        resourcePolicy: resource && compilePolicy(resource, 'resource'),
        context: contextOf(values),
      })
      const told = ours === undefined ? 'Allowed' : ours.startsWith('denied') ? 'ExplicitlyDenied' : 'ImplicitlyDenied'
      if (told !== theirs) throw new Error(`case ${n}: ${told}, not ${theirs}: ${JSON.stringify(simulation)}`)
      counts[told === 'Allowed' ? 'allowed' : told === 'ExplicitlyDenied' ? 'denied' : 'refused']++
    }
    console.log(`iam: ${CASES} cases agreed with the oracle, seed ${SEED}: ${JSON.stringify(counts)}`)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(CASES / 20)
  })
})
