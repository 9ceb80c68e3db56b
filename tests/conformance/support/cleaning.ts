/** Leaving a service that lives on as it was. */
import {
  DeleteChannelCommand,
  DeleteStreamCommand,
  type KinesisClient,
  ListStreamsCommand,
  paginateListChannels,
} from '@aws-sdk/client-kinesis'
import { type Patience, until } from './settling.ts'

/**
 * Deletes every stream whose name begins so, with its consumers and channels. `sdk` answers when what it deletes is
 * gone. Fails with what it has to leave behind.
 */
export async function removeStreams(
  sdk: KinesisClient,
  prefix: string,
  streamArn: (name: string) => string,
  patience: Patience = {},
): Promise<void> {
  const left: string[] = []
  const removeOne = (name: string): Promise<void> =>
    until(() => remove(sdk, name, streamArn(name)), 'its end', patience).catch((error: unknown) => {
      left.push(`${name}: ${String(error)}`)
    })
  await Promise.all((await namesOf(sdk, prefix)).map(removeOne))
  if (left.length > 0) throw new Error(`these streams are left behind:\n${left.join('\n')}`)
}

async function namesOf(sdk: KinesisClient, prefix: string): Promise<string[]> {
  const names: string[] = []
  // Whatever begins so stands together, behind the beginning itself.
  let from = prefix
  for (;;) {
    const page = await sdk.send(new ListStreamsCommand({ ExclusiveStartStreamName: from }))
    const found = (page.StreamNames ?? []).filter((name) => name.startsWith(prefix))
    names.push(...found)
    const last = page.StreamNames?.at(-1)
    if (page.HasMoreStreams !== true || last === undefined || !last.startsWith(prefix)) return names
    from = last
  }
}

/** False: something is under way there, or too much elsewhere. */
async function remove(sdk: KinesisClient, StreamName: string, StreamARN: string): Promise<boolean> {
  try {
    for await (const page of paginateListChannels({ client: sdk }, { StreamFilter: [{ StreamARN }] }))
      for (const { ChannelARN } of page.ChannelSummaries ?? []) await sdk.send(new DeleteChannelCommand({ ChannelARN }))
  } catch (error) {
    // There may be no channels at all at a service that is not ours.
    const { name } = error as Error
    if (name !== 'UnknownOperationException' && name !== 'ResourceNotFoundException') throw error
  }
  try {
    await sdk.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }))
    return true
  } catch (error) {
    const { name } = error as Error
    if (name === 'ResourceNotFoundException') return true
    if (name === 'ResourceInUseException') return false
    throw error
  }
}
