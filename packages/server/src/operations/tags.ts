/** What the tag operations share: they differ in how they name the resource. */
import type { KinesisError } from '@millrace/protocol'

import { type Tags, TAGS_MAX, tagTextFault, withoutTags, withTags } from '../streams/tags.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { changeLabels, type ResourceKey } from './resource-lookup.ts'

/** Whose tags they are, for texts. */
export interface TagOwner {
  readonly kind: 'stream' | 'consumer' | 'channel'
  readonly name: string
  readonly account: string
}

export function addTags(key: ResourceKey, tags: Tags, service: ServiceParts, context: OperationContext): Promise<void> {
  return changeLabels(key, service, context, (labels) => {
    assertNewTags(ownerOf(key), tags)
    const all = withTags(labels.tags, tags)
    assertTagCount(ownerOf(key), all)
    return { ...labels, tags: all }
  })
}

export function removeTags(
  key: ResourceKey,
  keys: readonly string[],
  service: ServiceParts,
  context: OperationContext,
): Promise<void> {
  return changeLabels(key, service, context, (labels) => {
    assertTagTexts('remove', ownerOf(key), keys)
    return { ...labels, tags: withoutTags(labels.tags, keys) }
  })
}

function ownerOf({ stream, consumer, channel }: ResourceKey): TagOwner {
  const { account } = stream
  if (channel !== undefined) return { kind: 'channel', name: channel.name, account }
  if (consumer === undefined) return { kind: 'stream', name: stream.name, account }
  return { kind: 'consumer', name: consumer.name, account }
}

/** Throws what the service says of tags that cannot be given to anything. */
export function assertNewTags(owner: TagOwner, tags: Tags): void {
  assertTagTexts('add', owner, Object.keys(tags), Object.values(tags))
}

function assertTagTexts(
  verb: 'add' | 'remove',
  owner: TagOwner,
  keys: readonly string[],
  values: readonly string[] = [],
): void {
  const fault = tagTextFault(keys, values)
  if (fault === undefined) return
  if (fault === 'characters')
    throw invalidArgument(
      'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
    )
  const reason = {
    percent:
      "some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
    // AWS's text is unknown.
    reserved: "keys that begin with 'aws:' are reserved for AWS.",
  }[fault]
  throw invalidArgument(
    `Failed to ${verb} tags ${verb === 'add' ? 'to' : 'from'} ${owner.kind} ${owner.name} under account ${owner.account} because ${reason}`,
  )
}

export function assertTagCount(owner: TagOwner, tags: Tags): void {
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags(owner)
}

function tooManyTags({ kind, name, account }: TagOwner): KinesisError {
  return invalidArgument(
    `Failed to add tags to ${kind} ${name} under account ${account} because a given ${kind} cannot have more than ` +
      `${TAGS_MAX} tags associated with it.`,
  )
}
