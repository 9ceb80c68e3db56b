import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { ScriptedStream } from '../testing/scripted-stream.ts'
import { ConsumerRegistrations } from './consumer-registrations.ts'

describe('the registered consumer of an application', () => {
  it('is looked up once for all readers that are told that it is gone', async () => {
    const clock = new VirtualClock()
    const service = new ScriptedStream(clock)
    const registrations = new ConsumerRegistrations({ service, name: 'app', clock, random: seededRandom(1) })
    const never = (): AbortSignal => new AbortController().signal
    const arn = await runClock(clock, registrations.arnOf({ stream: 's' }, never()))
    service.consumers.delete('app')
    const again = Array.from({ length: 50 }, () => {
      registrations.forget('s', arn)
      return registrations.arnOf({ stream: 's' }, never())
    })
    await runClock(clock, Promise.all(again))
    expect(service.timesOf('describeStreamSummary')).toHaveLength(2)
    expect(service.timesOf('registerStreamConsumer')).toHaveLength(2)
  })
})
