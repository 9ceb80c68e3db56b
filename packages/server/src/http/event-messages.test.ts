import { EncodedRecords, EventMessageDecoder } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { eventMessages } from './event-messages.ts'

type Event = Parameters<typeof eventMessages>[0]['EventStream'] extends AsyncIterable<infer E> ? E : never

async function messagesOf(...events: readonly Event[]): Promise<(readonly Uint8Array[])[]> {
  async function* stream(): AsyncGenerator<Event, void> {
    yield* events
  }
  const messages = []
  for await (const message of eventMessages({ EventStream: stream() }, () => {})) messages.push(message)
  return messages.slice(1)
}

const records = new EncodedRecords('json', 1, [Buffer.from(',{"Data":"eA=="}')])
const event = (part: Partial<Event> = {}): Event => ({
  ContinuationSequenceNumber: '7',
  MillisBehindLatest: 0,
  Records: records,
  ...part,
})

describe('eventMessages', () => {
  it('makes the message of an event once, for all who are sent it', async () => {
    const [[first], [second]] = [await messagesOf(event()), await messagesOf(event())]
    expect(second).toBe(first)
  })

  it.each<[string, Partial<Event>]>([
    ['goes on elsewhere', { ContinuationSequenceNumber: '8' }],
    ['is behind', { MillisBehindLatest: 5 }],
    ['ends with children', { ChildShards: [] }],
  ])('tells each its own where one of them %s', async (_, part) => {
    const [first] = await messagesOf(event())
    const [other = []] = await messagesOf(event(part))
    expect(other).not.toBe(first)
    const [message] = [...new EventMessageDecoder().push(Buffer.concat(other))]
    expect(JSON.parse(Buffer.from(message?.payload ?? []).toString())).toMatchObject(
      Object.fromEntries(Object.entries(part)),
    )
  })
})
