import { deferred } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { assert, describe, expect, it } from 'vitest'

import { createHostPolicy } from '../http/host-policy.ts'
import { idle } from '../testing/service-harness.ts'
import { createControlPages } from './control-pages.ts'
import type { TestKit } from './test-kit.ts'
import { TestKitError } from './test-kit-error.ts'

/** Asks for a move that takes until `moved`, and waits for the first ten seconds. */
async function askSlowly(moved: Promise<void>, clock: VirtualClock): Promise<AsyncIterator<readonly Uint8Array[]>> {
  const kit = { seed: 1, clock: { now: () => 0, advance: () => moved } } as unknown as TestKit
  const control = createControlPages({
    kit,
    clock,
    hosts: createHostPolicy({ allowedHosts: undefined, corsOrigins: [] }),
  })
  const answer = control({
    id: 'request',
    method: 'POST',
    url: '/_millrace/clock',
    headers: { host: 'localhost' },
    body: Buffer.from('{"advance": "400d"}'),
    signal: new AbortController().signal,
  })
  await idle()
  clock.advance(10_000)
  const { status, body } = (await answer) ?? assert.fail('it is for the kit')
  expect(status).toBe(200)
  assert(Symbol.asyncIterator in body)
  return body[Symbol.asyncIterator]()
}

const textOf = async (events: AsyncIterator<readonly Uint8Array[]>): Promise<string> =>
  String(Buffer.concat(((await events.next()).value as Uint8Array[] | undefined) ?? []))

describe('a request to the kit that takes long', () => {
  it('is answered with a blank every ten seconds, and then as always', async () => {
    const clock = new VirtualClock()
    const moved = deferred<void>()
    const events = await askSlowly(moved.promise, clock)
    expect(await textOf(events)).toBe(' ')
    const next = textOf(events)
    await idle()
    clock.advance(10_000)
    expect(await next).toBe(' ')
    moved.resolve()
    expect(JSON.parse(await textOf(events))).toEqual({ now: '1970-01-01T00:00:00.000Z', seed: 1 })
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(clock.pendingTimers).toBe(0)
  })

  it('is broken off if it cannot be finished', async () => {
    const moved = deferred<void>()
    const events = await askSlowly(moved.promise, new VirtualClock())
    expect(await textOf(events)).toBe(' ')
    moved.reject(new TestKitError('the server is closed: start another'))
    await expect(events.next()).rejects.toThrow('the server is closed')
  })
})
