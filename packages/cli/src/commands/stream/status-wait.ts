/** Waits until a stream is no longer in the status that a command brought it to. */
import { DescribeStreamSummary } from '@millrace/protocol'
import { sleep } from '@millrace/std'
import { CommandError } from '../../exit-code.ts'
import type { Kinesis } from '../../kinesis.ts'
import type { Shell } from '../../shell.ts'

const POLL_MS = 500

/** Resolves with the status it has then. Rejects with CommandError when it has taken longer than `patienceMs`. */
export async function waitWhile(
  status: 'CREATING' | 'UPDATING',
  stream: string,
  client: Kinesis,
  shell: Shell,
  patienceMs: number,
): Promise<string> {
  const deadlineMs = shell.clock.monotonic() + patienceMs
  for (;;) {
    const { StreamDescriptionSummary } = await client.send(DescribeStreamSummary, { StreamName: stream })
    if (StreamDescriptionSummary.StreamStatus !== status) return StreamDescriptionSummary.StreamStatus
    if (shell.clock.monotonic() > deadlineMs) {
      throw new CommandError({
        ending: 'unreachable',
        code: 'Timeout',
        message: `stream ${stream} is still ${status}`,
        hint: `look again with: millrace stream describe ${stream}`,
      })
    }
    await sleep(shell.clock, POLL_MS)
  }
}
