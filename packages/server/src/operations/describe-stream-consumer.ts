import { DescribeStreamConsumer } from '@millrace/protocol'

import { consumerDescription } from './consumer-description.ts'
import { consumerKeyOf, getConsumer } from './consumer-lookup.ts'
import { handle } from './operation.ts'

/** Describes a registered consumer. */
export const describeStreamConsumer = handle(DescribeStreamConsumer, (input, { catalog }, context) => {
  const key = consumerKeyOf(input, DescribeStreamConsumer.name, context)
  const consumer = getConsumer(catalog.find(key.stream), key)
  return { ConsumerDescription: consumerDescription(key.stream, consumer) }
})
