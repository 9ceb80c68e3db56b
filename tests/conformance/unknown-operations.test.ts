/** What is not there yet says so in one way, and the ledger lists it: docs/compatibility.md. */
import { readFileSync } from 'node:fs'
import * as sdk from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'
import { post } from './support/wire.ts'

const everyOperation = Object.keys(sdk)
  .filter((name) => /^[A-Z]\w+Command$/.test(name) && name !== '$Command')
  .map((name) => name.slice(0, -'Command'.length))
const implemented = [
  'AddTagsToStream',
  'CreateStream',
  'DecreaseStreamRetentionPeriod',
  'DeleteResourcePolicy',
  'DeleteStream',
  'DeregisterStreamConsumer',
  'DescribeAccountSettings',
  'DescribeLimits',
  'DescribeStream',
  'DescribeStreamConsumer',
  'DescribeStreamSummary',
  'DisableEnhancedMonitoring',
  'EnableEnhancedMonitoring',
  'GetRecords',
  'GetResourcePolicy',
  'GetShardIterator',
  'IncreaseStreamRetentionPeriod',
  'ListShards',
  'ListStreamConsumers',
  'ListStreams',
  'ListTagsForResource',
  'ListTagsForStream',
  'MergeShards',
  'PutRecord',
  'PutRecords',
  'PutResourcePolicy',
  'RegisterStreamConsumer',
  'RemoveTagsFromStream',
  'SplitShard',
  'StartStreamEncryption',
  'StopStreamEncryption',
  'SubscribeToShard',
  'TagResource',
  'UntagResource',
  'UpdateAccountSettings',
  'UpdateMaxRecordSize',
  'UpdateShardCount',
  'UpdateStreamMode',
  'UpdateStreamRecordDistributionStrategy',
  'UpdateStreamWarmThroughput',
]
const absent = everyOperation.filter((name) => !implemented.includes(name))

describe('the operations of the installed SDK', () => {
  it('are the 45 that we know of', () => {
    expect(everyOperation).toHaveLength(45)
    expect(absent).toHaveLength(5)
  })

  it.each(everyOperation)('%s stands in the ledger', (name) => {
    const ledger = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8')
    expect(ledger).toMatch(new RegExp(`\\b${name}\\b.*\\b${implemented.includes(name) ? 'same|differs' : 'absent'}`))
  })

  onEveryEngine((service) => {
    it.each(absent)('%s is absent, and says so', async (name) => {
      const answer = await post(service.endpoint, name, '{}')
      expect([answer.status, answer.body.toString()]).toEqual([400, '{"__type":"UnknownOperationException"}'])
    })

    it.each(implemented)('%s is known', async (name) => {
      const answer = await post(
        service.endpoint,
        name,
        '{"Limit":"x","ShardCount":"x","Records":1,"Data":1,"ShardId":1,"StreamName":1}',
      )
      expect(answer.body.toString()).not.toContain('UnknownOperationException')
    })
  })
})
