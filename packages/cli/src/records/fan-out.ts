/** The registered consumer that a verb reads as: one that is there, or one that is registered for the time. */
import {
  DeregisterStreamConsumer,
  DescribeStreamSummary,
  ListStreamConsumers,
  RegisterStreamConsumer,
} from '@millrace/protocol'
import { waitUntilActive } from '../consumers.ts'
import { usageError } from '../exit-code.ts'
import type { Kinesis } from '../kinesis.ts'
import type { Shell } from '../shell.ts'

export interface FanOutConsumer {
  readonly arn: string
  /** It was registered for us. */
  readonly isTemporary: boolean
  /** Deregisters one that was registered for us. */
  close(): Promise<void>
}

/** A subscription for each shard, and calls beside them, go over a few HTTP/2 sessions of a hundred streams. */
const SHARDS_MAX = 300

export async function openConsumer(
  kinesis: Kinesis,
  stream: string,
  name: string,
  isForOneShard: boolean,
  shell: Shell,
): Promise<FanOutConsumer> {
  const { StreamDescriptionSummary } = await kinesis.send(DescribeStreamSummary, { StreamName: stream })
  const { StreamARN, OpenShardCount } = StreamDescriptionSummary
  if (OpenShardCount > SHARDS_MAX && !isForOneShard) {
    throw usageError(
      `--fan-out follows up to ${SHARDS_MAX} shards at once, and ${stream} has ${OpenShardCount}`,
      'without it shards are polled; or name one with --shard',
    )
  }
  for await (const { Consumers = [] } of kinesis.pages(ListStreamConsumers, { StreamARN })) {
    const found = Consumers.find(({ ConsumerName }) => ConsumerName === name)
    if (found === undefined) continue
    await waitUntilActive(kinesis, found.ConsumerARN, shell)
    return { arn: found.ConsumerARN, isTemporary: false, close: async () => {} }
  }
  const { Consumer } = await kinesis.send(RegisterStreamConsumer, { StreamARN, ConsumerName: name })
  const arn = Consumer.ConsumerARN
  const close = async (): Promise<void> => {
    await kinesis.send(DeregisterStreamConsumer, { ConsumerARN: arn })
  }
  try {
    await waitUntilActive(kinesis, arn, shell)
  } catch (error) {
    await close()
    throw error
  }
  return { arn, isTemporary: true, close }
}
