import { type LogFields, silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { record } from '../testing/fake-shard.ts'
import { FailureLog } from './failure-log.ts'
import type { ShardHappening } from './shard-event.ts'

const failure = (next: (ShardHappening & { kind: 'failure' })['next']): ShardHappening => ({
  kind: 'failure',
  call: 'process',
  failures: 2,
  error: new TypeError('boom'),
  next,
  delayMs: next === 'retry' ? 100 : 0,
  records: 1,
  first: record(1),
  last: record(1),
})

it('tells what failed, where, why and what comes next, a line a second, and of the end always', () => {
  const clock = new VirtualClock()
  const lines: LogFields[] = []
  const logger = { ...silentLogger, warn: (message: string, fields?: LogFields) => lines.push({ message, ...fields }) }
  const log = new FailureLog(logger, clock, { stream: 'orders', shardId: 'shardId-0' })
  log.tell(failure('retry'))
  expect(lines).toMatchObject([
    { message: 'the processing of a shard failed', stream: 'orders', shardId: 'shardId-0', call: 'process', failures: 2, next: 'retry', error: 'TypeError: boom', first: { sequenceNumber: '1001' } }, // prettier-ignore
  ])
  for (let i = 0; i < 1_000; i++) log.tell(failure('skip'))
  expect(lines).toHaveLength(1)
  log.tell({ kind: 'delivered', records: 5 })
  log.tell(failure('stop'))
  expect(lines.slice(1)).toMatchObject([{ next: 'stop', omitted: 1_000 }])
  clock.advance(1_000)
  log.tell({ kind: 'dead-letter-failure', error: 'away', failures: 1, delayMs: 50 })
  expect(lines.slice(2)).toMatchObject([{ message: 'a dead letter was not taken', error: 'away', delayMs: 50 }])
  expect(lines[2]).not.toHaveProperty('omitted')
  log.tell({ kind: 'stuck', call: 'schema', elapsedMs: 300_000 })
  expect(lines.slice(3)).toMatchObject([{ message: 'a call of the application does not come back', call: 'schema' }])
})
