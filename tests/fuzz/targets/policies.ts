/** Policies in IAM's language, of principals, resources and roles: what people write, and what callers put. */
import { type Random, randomBelow } from '@millrace/std'

import { decide } from '../../../packages/server/src/auth/iam/decision.ts'
import { compilePolicy, type Policy, PolicyFault } from '../../../packages/server/src/auth/iam/policy.ts'
import { sessionOf, userOf } from '../../../packages/server/src/auth/iam/principal.ts'
import { contextOf } from '../../../packages/server/src/auth/iam/request-context.ts'
import { anyTree, type Tree } from '../grammar/api-tree.ts'
import { jsonText } from '../grammar/json-text.ts'
import { Broken, bytesOf, chance, pick, refusedOr, type Target, textOf } from '../support/target.ts'

const HOME = '111122223333'
const STREAM = `arn:aws:kinesis:us-east-1:${HOME}:stream/${'a'.repeat(100)}`
/** What follows a message's place: that is made of the document's own members, of which the language has few. */
const MESSAGE_LENGTH_MAX = 300

const values: Readonly<Record<string, readonly Tree[]>> = {
  Effect: ['Allow', 'Deny', 'allow'],
  Principal: ['*', { AWS: '*' }, { AWS: [HOME, `arn:aws:iam::${HOME}:user/ann`] }, { Service: 'x' }, []],
  NotPrincipal: [{ AWS: HOME }],
  Action: ['*', 'kinesis:*', ['kinesis:Put*', 'kinesis:?et'], 'kinesis', []],
  NotAction: ['kinesis:DeleteStream'],
  Resource: ['*', STREAM, `${'*a'.repeat(60)}b`, `arn:aws:kinesis:*:*:${'*a'.repeat(60)}b`, 'arn:${aws:username}:*', 'arn:*'],
  NotResource: ['arn:aws:kinesis:*:*:stream/${aws:username, \'x\'}*'],
  Condition: [{ StringLike: { 'aws:username': ['${aws:username}', '${', '${*}?'] } }, { 'ForAllValues:StringNotEquals': { 'aws:TagKeys': 'x' } }, { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '::/0', '1.2.3.4/33'] } }, { NumericLessThanIfExists: { 'aws:EpochTime': [1, '1e9'] } }, { DateEquals: { 'aws:CurrentTime': '2026' } }, { Null: { x: true } }, { ArnNotLike: { 'aws:PrincipalArn': 'arn:*' } }, { IfExists: {} }],
} // prettier-ignore

function statement(random: Random): Tree {
  if (chance(random, 0.05)) return anyTree(random, 2)
  return Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => chance(random, name.startsWith('Not') ? 0.1 : 0.8))
      .map(([name, from]) => [name, pick(random, from)]),
  )
}

const generated = (random: Random): Tree => ({
  Version: pick(random, ['2012-10-17', '2008-10-17', 2012]),
  Statement: Array.from({ length: 1 + randomBelow(random, 3) }, () => statement(random)),
})

const principals = (policies: readonly Policy[]) => [
  userOf(HOME, 'ann', policies),
  sessionOf('444455556666', 'reader', 'morning', policies),
]

export const policies: Target = {
  name: 'policies',
  specimens: [
    { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'kinesis:*', Resource: '*' } },
    {
      Statement: [
        { Effect: 'Deny', Principal: '*', Action: '*', Resource: STREAM, Condition: values['Condition']?.[0] },
      ],
    },
    { Statement: [{ Effect: 'Allow', Principal: { AWS: HOME }, Action: 'sts:AssumeRole' }] },
  ].map((document) => bytesOf(JSON.stringify(document))),
  generate: (random) => bytesOf(jsonText(generated(random), random)),
  words: ['"Effect":"Deny"', '"Statement":', '"AWS":', '${aws:username}', '${', '}', '*', '?', '*a*a*a', 'ForAnyValue:', 'IfExists', '"aws:TagKeys":', '__proto__'], // prettier-ignore
  executions: 8_000,
  check(input) {
    let document: unknown
    try {
      document = JSON.parse(textOf(input))
    } catch {
      return
    }
    const own = compiled(document, 'identity')
    const resource = compiled(document, 'resource')
    const trust = compiled(document, 'trust')
    for (const principal of principals(own === undefined ? [] : [own])) {
      for (const resourcePolicy of [undefined, resource, trust]) {
        const facts = { principal, nowMs: 0, region: 'us-east-1', peer: { address: '::1', isSecure: false }, resourceAccount: HOME } // prettier-ignore
        const question = { principal, action: 'kinesis:PutRecord', resource: STREAM, resourceAccount: HOME, resourcePolicy } // prettier-ignore
        const decision = decide({ ...question, context: contextOf(facts) })
        // Without a word that allows, nothing is.
        if (decision === undefined && !/Allow/.test(JSON.stringify(document))) throw new Broken('allowed by nothing')
      }
    }
  },
}

function compiled(document: unknown, kind: 'identity' | 'resource' | 'trust'): Policy | undefined {
  return refusedOr(
    () => compilePolicy(document, kind),
    (error) => error instanceof PolicyFault && error.message.length <= MESSAGE_LENGTH_MAX,
  )
}
