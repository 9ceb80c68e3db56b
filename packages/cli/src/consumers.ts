/** Registered consumers, as the verbs that name one need them. */
import { DescribeStreamConsumer, DescribeStreamSummary } from '@millrace/protocol'
import { sleep } from '@millrace/std'
import { CommandError } from './exit-code.ts'
import type { Kinesis } from './kinesis.ts'
import type { Shell } from './shell.ts'

const POLL_MS = 500
/** AWS takes up to a minute. */
const ACTIVE_WAIT_MS = 300_000

export async function streamArnOf(kinesis: Kinesis, stream: string): Promise<string> {
  const { StreamDescriptionSummary } = await kinesis.send(DescribeStreamSummary, { StreamName: stream })
  return StreamDescriptionSummary.StreamARN
}

/** Resolves with the status that a new consumer has then. Rejects with CommandError when it takes longer than it ever should. */
export async function waitUntilActive(kinesis: Kinesis, consumerArn: string, shell: Shell): Promise<string> {
  const deadlineMs = shell.clock.monotonic() + ACTIVE_WAIT_MS
  for (;;) {
    const { ConsumerDescription } = await kinesis.send(DescribeStreamConsumer, { ConsumerARN: consumerArn })
    if (ConsumerDescription.ConsumerStatus !== 'CREATING') return ConsumerDescription.ConsumerStatus
    if (shell.clock.monotonic() > deadlineMs) {
      throw new CommandError({
        ending: 'unreachable',
        code: 'Timeout',
        message: `consumer ${ConsumerDescription.ConsumerName} is still CREATING`,
        hint: 'look again with: millrace consumer list <stream>',
      })
    }
    await sleep(shell.clock, POLL_MS)
  }
}
