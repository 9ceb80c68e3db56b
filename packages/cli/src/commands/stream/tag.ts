/** `millrace stream tag`: gives a stream tags, takes some away, and shows those it has then. */
import { AddTagsToStream, ListTagsForStream, RemoveTagsFromStream, type Tag } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import type { Kinesis } from '../../kinesis.ts'
import type { Column } from '../../output/table.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly remove?: readonly string[]
}

const columns: readonly Column<Tag>[] = [
  { header: 'key', cell: ({ Key }) => Key },
  { header: 'value', cell: ({ Value }) => Value ?? '' },
]

export const defineStreamTag: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[tags...]', 'key=value')
    .option('--stream <name>', 'the same as the first argument')
    .option('--remove <key...>', 'keys to take away')
    .addHelpText('after', '\nExample:\n  millrace stream tag orders team=mill stage=test --remove owner\n')
    .action(async (first: string | undefined, more: readonly string[], options: Options) => {
      const [stream, ...rest] = streamAndRest([first, ...more], options.stream)
      const tags = Object.fromEntries(rest.filter((text) => text !== undefined).map(tagOf))
      await withSession(shell, options, async (client, reporter) => {
        if (Object.keys(tags).length > 0) await client.send(AddTagsToStream, { StreamName: stream, Tags: tags })
        if (options.remove !== undefined)
          await client.send(RemoveTagsFromStream, { StreamName: stream, TagKeys: options.remove })
        const all = await tagsOf(client, stream)
        await reporter.list(columns, all, ({ Key, Value }) => ({ key: Key, value: Value ?? '' }))
        if (all.length === 0) await reporter.note(`${stream} has no tags`)
      })
    })
}

function tagOf(text: string): readonly [key: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw usageError(`"${text}" is no tag`, 'tags look like team=mill')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

async function tagsOf(client: Kinesis, stream: string): Promise<readonly Tag[]> {
  const tags: Tag[] = []
  for (;;) {
    const after = tags.at(-1)?.Key
    const page = await client.send(ListTagsForStream, {
      StreamName: stream,
      ...(after === undefined ? {} : { ExclusiveStartTagKey: after }),
    })
    tags.push(...page.Tags)
    if (!page.HasMoreTags || page.Tags.length === 0) return tags
  }
}
