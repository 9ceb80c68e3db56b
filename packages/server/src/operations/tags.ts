/** What the tag operations share: they differ in how they name the resource. */
import type { KinesisError } from '@millrace/protocol'

import type { Stream, StreamKey } from '../streams/stream.ts'
import { type Tags, TAGS_MAX, tagTextFault, withoutTags, withTags } from '../streams/tags.ts'
import { invalidArgument, notActive, streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export function addTags(key: StreamKey, tags: Tags, service: ServiceParts, context: OperationContext): Promise<void> {
  return changeTags(key, service, context, (stream) => {
    assertTagTexts('add', key, [...Object.keys(tags), ...Object.values(tags)])
    const all = withTags(stream.tags, tags)
    assertTagCount(key, all)
    return all
  })
}

export function removeTags(
  key: StreamKey,
  keys: readonly string[],
  service: ServiceParts,
  context: OperationContext,
): Promise<void> {
  return changeTags(key, service, context, (stream) => {
    assertTagTexts('remove', key, keys)
    return withoutTags(stream.tags, keys)
  })
}

/** Throws what the service says of tags with which nothing can be made. */
export function assertTagTexts(verb: 'add' | 'remove', key: StreamKey, texts: readonly string[]): void {
  switch (tagTextFault(texts)) {
    case 'characters':
      throw invalidArgument(
        'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
      )
    case 'percent':
      throw invalidArgument(
        `Failed to ${verb} tags ${verb === 'add' ? 'to' : 'from'} stream ${key.name} under account ${key.account} because ` +
          "some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
      )
    case undefined:
  }
}

export function assertTagCount(key: StreamKey, tags: Tags): void {
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags(key)
}

function tooManyTags({ name, account }: StreamKey): KinesisError {
  return invalidArgument(
    `Failed to add tags to stream ${name} under account ${account} because a given stream cannot have more than ` +
      `${TAGS_MAX} tags associated with it.`,
  )
}

async function changeTags(
  key: StreamKey,
  service: ServiceParts,
  context: OperationContext,
  change: (stream: Stream) => Tags,
): Promise<void> {
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    return { stream: { ...stream, tags: change(stream) } }
  })
}
