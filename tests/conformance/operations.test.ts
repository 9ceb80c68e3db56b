/** Every operation of the installed SDK is known here and stands in the ledger; what is none says so in one way. */
import { readFileSync } from 'node:fs'
import * as sdk from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'
import { post } from './support/wire.ts'

const everyOperation = Object.keys(sdk)
  .filter((name) => /^[A-Z]\w+Command$/.test(name) && name !== '$Command')
  .map((name) => name.slice(0, -'Command'.length))

describe('the operations of the installed SDK', () => {
  // A 46th wants to be built, and a row in the ledger.
  it('are the 45 that we know of', () => {
    expect(everyOperation).toHaveLength(45)
  })

  it.each(everyOperation)('%s has a file of its own here', (name) => {
    const file = `${name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.test.ts`
    expect(readFileSync(new URL(file, import.meta.url), 'utf8')).toMatch(new RegExp(`^describe\\('${name}'`, 'm'))
  })

  it.each(everyOperation)('%s stands in the ledger', (name) => {
    const ledger = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8')
    expect(ledger).toMatch(new RegExp(`^\\| ${name} \\| (same|differs) \\|`, 'm'))
  })

  onEveryEngine((service) => {
    it.each(everyOperation)('%s is known', async (name) => {
      const answer = await post(
        service,
        name,
        '{"Limit":"x","ShardCount":"x","Records":1,"Data":1,"ShardId":1,"StreamName":1}',
      )
      expect(answer.body.toString()).not.toContain('UnknownOperationException')
    })

    it.each(['CreateQueue', 'createStream', ''])('%j is unknown, and says so', async (name) => {
      const answer = await post(service, name, '{}')
      expect([answer.status, answer.body.toString()]).toEqual([400, '{"__type":"UnknownOperationException"}'])
    })
  })
})
