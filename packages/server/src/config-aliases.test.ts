import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'

import { describe, expect, it } from 'vitest'

import { aliasVariables } from './config-aliases.ts'
import { readConfig } from './config.ts'

type Texts = Readonly<Record<string, string>>
const read = (environment: Texts, flags: Texts = {}) => readConfig({ flags, environment, directory: tmpdir() })

describe('variables of other doubles', () => {
  it('are taken where they mean the same, and told of', async () => {
    const { server, logLevel, aliases, warnings } = await read({
      KINESIS_INITIALIZE_STREAMS: 'orders:4,far::us-west-2',
      KINESIS_MOCK_PLAIN_PORT: '4568',
      SHARD_LIMIT: '50',
      KINESIS_ON_DEMAND_STREAM_COUNT_LIMIT: 'Infinity',
      CREATE_STREAM_DURATION: '500ms',
      SPLIT_SHARD_DURATION: '2 seconds',
      KINESIS_LATENCY: '100',
      LOG_LEVEL: 'TRACE',
    })
    expect(server).toEqual({
      createStreams: [
        { name: 'orders', shards: 4 },
        { name: 'far', shards: 1, region: 'us-west-2' },
      ],
      port: 4568,
      quotas: { shards: 50, onDemandStreams: 1_000_000 },
      statusDelayMs: 2_000,
    })
    expect(logLevel).toBe('debug')
    expect(warnings).toEqual([])
    expect(aliases).toEqual([
      'KINESIS_MOCK_PLAIN_PORT taken as --port 4568',
      'SHARD_LIMIT, KINESIS_ON_DEMAND_STREAM_COUNT_LIMIT taken as --quota on-demand-streams=1000000,shards=50',
      'KINESIS_INITIALIZE_STREAMS taken as --create-streams orders:4,far::us-west-2',
      'CREATE_STREAM_DURATION, SPLIT_SHARD_DURATION, KINESIS_LATENCY taken as --status-delay-ms 2000',
      'LOG_LEVEL taken as --log-level debug',
    ])
  })

  it('rank behind our own and behind flags', async () => {
    const environment = { SHARD_LIMIT: '50', MILLRACE_QUOTA: 'shards=7', LOG_LEVEL: 'ERROR' }
    const { server, logLevel, aliases } = await read(environment, { 'log-level': 'warn' })
    expect(server).toEqual({ quotas: { shards: 7 } })
    expect([logLevel, aliases]).toEqual(['warn', []])
  })

  it('that cannot be understood are told, and passed over', async () => {
    const { server, warnings } = await read({
      LOG_LEVEL: 'verbose',
      KINESIS_LATENCY: '0.5',
      DELETE_STREAM_DURATION: 'soon',
      KINESIS_MOCK_PLAIN_PORT: '99999',
      KINESIS_ERROR_PROBABILITY: '2',
    })
    expect(server).toEqual({})
    expect(warnings).toEqual([
      "DELETE_STREAM_DURATION has no effect as --status-delay-ms: expected a length of time like 500ms, found 'soon'",
      "KINESIS_LATENCY has no effect as --status-delay-ms: expected milliseconds, found '0.5'",
      "LOG_LEVEL has no effect as --log-level: expected trace, debug, info, warn or error, found 'verbose'",
      "KINESIS_ERROR_PROBABILITY has no effect: expected a number from 0 to 1, found '2'",
      "KINESIS_MOCK_PLAIN_PORT has no effect as --port: expected a whole number from 0 to 65535, found '99999'",
    ])
  })

  it('LocalStack’s error probability is a fault of the test kit', async () => {
    const environment = { KINESIS_ERROR_PROBABILITY: '0.25' }
    expect((await read(environment)).warnings).toEqual([
      'KINESIS_ERROR_PROBABILITY has no effect without --test-kit on',
    ])
    const { server, aliases } = await read({ ...environment, MILLRACE_TEST_KIT: 'seed=7' })
    const faults = [{ operation: ['PutRecord', 'PutRecords'], kind: 'throttle', probability: 0.25 }]
    expect(server).toEqual({ dataDir: ':memory:', testKit: { http: true, seed: 7, faults } })
    expect(aliases).toEqual([
      'KINESIS_ERROR_PROBABILITY taken as a fault of the test kit: puts are throttled with probability 0.25',
    ])
  })

  it('all stand in the guide', async () => {
    const guide = await readFile(new URL('../../../docs/testing-your-application.md', import.meta.url), 'utf8')
    expect(aliasVariables.filter((name) => !guide.includes(`\`${name}\``))).toEqual([])
  })
})
