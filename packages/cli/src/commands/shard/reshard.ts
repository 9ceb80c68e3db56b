/** What a split or a merge has in common once it was asked for: wait for the children, and show them. */
import { sleep } from '@millrace/std'
import { CommandError } from '../../exit-code.ts'
import { type Kinesis, listShards } from '../../kinesis.ts'
import type { Reporter } from '../../session.ts'
import type { Shell } from '../../shell.ts'

/** AWS takes half a minute; more than five is a fault. */
const CHILDREN_WAIT_MS = 300_000
const POLL_MS = 500

export async function reportReshard(reshard: {
  readonly client: Kinesis
  readonly reporter: Reporter
  readonly shell: Shell
  readonly stream: string
  readonly parents: readonly string[]
  readonly wait: boolean
}): Promise<void> {
  const { client, reporter, shell, stream, parents } = reshard
  const deadlineMs = shell.clock.monotonic() + CHILDREN_WAIT_MS
  let children: readonly string[] = []
  while (reshard.wait && children.length === 0) {
    const shards = await listShards(client, stream)
    children = shards
      .filter((shard) => shard.ParentShardId !== undefined && parents.includes(shard.ParentShardId))
      .map((shard) => shard.ShardId)
    if (children.length > 0) break
    if (shell.clock.monotonic() > deadlineMs) {
      throw new CommandError({
        ending: 'unreachable',
        code: 'Timeout',
        message: `${parents.join(' and ')} still have no children`,
        hint: `look again with: millrace shard list ${stream}`,
      })
    }
    await sleep(shell.clock, POLL_MS)
  }
  await reporter.result(
    { stream, parents, children },
    `${parents.join(' + ')} → ${children.length === 0 ? 'under way' : children.join(' + ')}`,
  )
}
