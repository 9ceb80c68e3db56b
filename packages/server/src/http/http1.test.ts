/** Requests that `node:http` reads, behind one that is not answered yet. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { getDefaultHighWaterMark } from 'node:stream'

import { deferred, silentLogger, systemClock, systemRandom } from '@millrace/std'
import { afterEach, assert, describe, expect, it } from 'vitest'

import { type FrontDoorLimits, frontDoorLimits } from './limits.ts'
import { Listener } from './listener.ts'

const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Held {
  readonly listener: Listener
  readonly client: Socket
  readonly closed: Promise<void>
  /** All that the client has been told. */
  readonly text: () => string
  /** Answers everything. */
  readonly release: () => void
}

/** A connection at `node:http` whose first request is with the dispatcher. */
async function held(limits: Partial<FrontDoorLimits>): Promise<Held> {
  const gate = deferred<void>()
  const arrived = deferred<void>()
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    dispatch: async () => {
      arrived.resolve()
      await gate.promise
      return { status: 200, headers: {}, body: [] }
    },
    limits: { ...frontDoorLimits, ...limits },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    tlsIdentity: async () => assert.fail('nobody speaks TLS here'),
  })
  closers.push(() => listener.close())
  const client = connect({ port: listener.port, host: '127.0.0.1', noDelay: true })
  closers.push(() => void client.destroy())
  // A close with unread bytes is a reset: a close all the same.
  client.on('error', () => {})
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  let text = ''
  client.on('data', (chunk) => (text += chunk.toString('latin1')))
  client.write(unusual('first'))
  await arrived.promise
  return { listener, client, closed, text: () => text, release: () => gate.resolve() }
}

/** The rest of a read, and what a paused socket reads. */
const READ_AHEAD_BYTES = 64 * 1024 + getDefaultHighWaterMark(false) + 64 * 1024

const unusual = (more: string): string => `POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nX: ${more}\r\n\r\n`
const statuses = (text: string): readonly string[] => text.match(/(?<=HTTP\/1\.1 )\d+/g) ?? []

describe('requests that wait at node:http', () => {
  it.each([
    ['tiny', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['without a Host', 'GET / HTTP/1.1\r\nA:bcde\r\n\r\n'],
    ['of an expectation that nobody meets', 'GET / HTTP/1.1\r\nHost:\r\nExpect: x\r\n\r\n'],
  ])('are made only of a part of one read that brings thousands: %s', async (_, tiny) => {
    const { listener, client, release } = await held({})
    client.write(tiny.repeat(2_000))
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(READ_AHEAD_BYTES + 16 * 2048)
    expect(listener.gauges().bodyBytes).toBeLessThan(READ_AHEAD_BYTES + 80 * 2048)
    client.destroy()
    release()
    await expect.poll(() => listener.gauges()).toMatchObject({ connections: 0, requests: 0, bodyBytes: 0 })
  })

  it.each([
    ['heads', 16_000],
    ['what a paused connection still reads', READ_AHEAD_BYTES],
  ])('end their connection where there is no room for more: %s', async (_, pipelinedBytesMax) => {
    const { listener, client, closed } = await held({ pipelinedBytesMax })
    client.write('GET / HTTP/1.1\r\nHost:\r\n\r\n'.repeat(2_000))
    await closed
    await expect.poll(() => listener.gauges()).toMatchObject({ connections: 0, requests: 0, bodyBytes: 0 })
  })

  it('count with their heads', async () => {
    const { listener, client, closed } = await held({ pipelinedBytesMax: 100_000 })
    const head = unusual('x'.repeat(30_000))
    client.write(head.repeat(3))
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(90_000)
    expect(listener.gauges().bodyBytes).toBeLessThanOrEqual(100_000)
    client.write(head)
    await closed
    await expect.poll(() => listener.gauges().bodyBytes).toBe(0)
  })

  it.each([
    ['announced', 'Content-Length: 10000\r\n\r\nx', 10_000],
    ['announced, and larger than what is read of it', 'Content-Length: 10000000\r\n\r\nx', 64 * 1024],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n', 64 * 1024],
  ])('count with what is read of their bodies: %s', async (_, body, bytes) => {
    const { listener, client } = await held({})
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${body}`)
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(bytes)
    expect(listener.gauges().bodyBytes).toBeLessThan(bytes + getDefaultHighWaterMark(false) + 16 * 1024)
  })

  it('are read on when half of them are answered, and all served', async () => {
    const { listener, client, text, release } = await held({ pipelinedMax: 4 })
    // Far more than sockets and kernel take together.
    const head = unusual('x'.repeat(30_000))
    for (let i = 0; i < 1_000; i++) client.write(head)
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(READ_AHEAD_BYTES)
    // Whoever comes after is accepted, by when this one would have been read on.
    const neighbour = connect(listener.port, '127.0.0.1')
    closers.push(() => void neighbour.destroy())
    neighbour.write(unusual('beside'))
    await expect.poll(() => listener.gauges().requests).toBe(2)
    expect(listener.gauges().bodyBytes).toBeLessThan(READ_AHEAD_BYTES + 5 * (head.length + 2048))
    expect(client.writableLength).toBeGreaterThan(0)
    release()
    while (statuses(text()).length < 1_001) await once(client, 'data')
    expect(new Set(statuses(text()))).toEqual(new Set(['200']))
    await expect.poll(() => listener.gauges().bodyBytes).toBe(0)
  })

  it.each([
    ['400', 'GET / HTTP/1.1\r\n\r\n'],
    ['417', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n'],
  ])('are refused in their turn, and what is behind them is nothing: %s', async (status, refused) => {
    const { listener, client, closed, text, release } = await held({})
    client.write(unusual('second') + refused + unusual('behind'))
    await expect.poll(() => listener.gauges().bodyBytes).toBeGreaterThan(3 * 2048)
    expect(text()).toBe('')
    release()
    await closed
    expect(statuses(text())).toEqual(['200', '200', status])
    await expect.poll(() => listener.gauges()).toMatchObject({ connections: 0, requests: 0, bodyBytes: 0 })
  })
})
