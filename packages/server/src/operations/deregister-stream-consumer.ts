import { DeregisterStreamConsumer } from '@millrace/protocol'

import { withConsumer, withoutConsumer } from '../streams/consumer.ts'
import { consumerKeyOf, getConsumer } from './consumer-lookup.ts'
import { handle } from './operation.ts'

/** Takes a consumer off its stream. Its subscriptions end. One that is going already goes on going. */
export const deregisterStreamConsumer = handle(DeregisterStreamConsumer, async (input, service, context) => {
  const key = consumerKeyOf(input, DeregisterStreamConsumer.name, context)
  await service.catalog.change(key.stream, context.deadlineMs, (stream) => {
    const consumer = getConsumer(stream, key)
    if (stream === undefined || consumer.status === 'DELETING') return { stream }
    if (service.statusDelayMs === 0) return { stream: withoutConsumer(stream, consumer) }
    return { stream: withConsumer(stream, { ...consumer, status: 'DELETING', sinceMs: service.clock.now() }) }
  })
})
