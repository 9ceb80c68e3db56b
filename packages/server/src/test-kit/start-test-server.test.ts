import { afterEach, describe, expect, it } from 'vitest'

import { startServer } from '../server.ts'
import { startTestServer, type TestServer, type TestServerOptions } from './start-test-server.ts'

const open: TestServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer(options)
  open.push(server)
  return server
}

async function ask(server: TestServer, method: string, path: string, body?: unknown, headers = {}) {
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) }
  const response = await fetch(`${server.endpoint}/_millrace/${path}`, init)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

describe('startTestServer', () => {
  it('gives a server at a port of its own, that closes twice', async () => {
    const first = await start()
    const second = await start()
    expect(first.port).not.toBe(second.port)
    await first.close()
    await first.close()
    await expect(first.reset()).rejects.toThrow('the server is closed')
  })

  it('has no HTTP endpoints unless they are asked for', async () => {
    const { endpoint } = await start()
    expect((await fetch(`${endpoint}/_millrace/clock`)).status).toBe(403)
  })

  it('refuses what is kept on a disk, and HTTP where signatures count', async () => {
    await expect(startServer({ port: 0, dataDir: 'kept', testKit: {} })).rejects.toThrow(
      "test-kit: expected data-dir :memory:, found 'kept'",
    )
    await expect(startTestServer({ auth: 'keys', http: true })).rejects.toThrow(
      'test-kit: over HTTP it asks for no signature: expected --auth none, said explicitly, found keys',
    )
    await expect(startTestServer({ host: '0.0.0.0', http: true })).rejects.toThrow('found keys')
    await start({ auth: 'keys' })
  })

  it('refuses faults that could never apply at once', async () => {
    await expect(startTestServer({ faults: [{ kind: 'throttle', times: 0 }] })).rejects.toThrow('times: expected')
  })
})

describe('the test kit by HTTP', () => {
  it('moves time', async () => {
    const server = await start({ http: true, seed: 3 })
    const before = await ask(server, 'GET', 'clock')
    expect(before).toMatchObject({ status: 200, body: { seed: 3 } })
    const { body } = await ask(server, 'POST', 'clock', { advance: '24h' })
    const movedMs = Date.parse(String(body['now'])) - Date.parse(String(before.body['now']))
    expect(movedMs).toBeGreaterThanOrEqual(86_400_000)
    expect(movedMs).toBeLessThan(86_460_000)
  })

  it('moves time by as much as may be at once', async () => {
    const server = await start({ http: true })
    const before = server.clock.now()
    const { status, body } = await ask(server, 'POST', 'clock', { advance: '400d' })
    expect(status).toBe(200)
    expect(Date.parse(String(body['now'])) - before).toBeGreaterThanOrEqual(400 * 86_400_000)
  })

  it('adds, lists and removes faults, and resets', async () => {
    const server = await start({ http: true })
    const fault = { kind: 'throttle', operation: 'PutRecord', times: 2 }
    expect(await ask(server, 'POST', 'faults', fault)).toEqual({ status: 200, body: { id: '1', hits: 0, ...fault } })
    await ask(server, 'POST', 'faults', { kind: 'cut' })
    expect((await ask(server, 'GET', 'faults')).body['faults']).toHaveLength(2)
    expect((await ask(server, 'DELETE', 'faults/1')).body).toEqual({ faults: [{ id: '2', hits: 0, kind: 'cut' }] })
    expect((await ask(server, 'DELETE', 'faults/1')).status).toBe(404)
    expect((await ask(server, 'DELETE', 'faults')).body).toEqual({ faults: [] })
    await ask(server, 'POST', 'faults', { kind: 'cut' })
    await ask(server, 'POST', 'reset')
    expect(server.faults.list()).toEqual([])
  })

  it.each([
    ['POST', 'clock', { advance: 'soon' }, 400, 'advance: expected milliseconds'],
    ['POST', 'clock', { by: '24h' }, 400, 'body: expected JSON like {"advance": "24h"}, found by'],
    ['POST', 'clock', undefined, 400, 'body: expected JSON like {"advance": "24h"}, found none'],
    ['POST', 'faults', { kind: 'x' }, 400, 'kind: expected throttle'],
    ['POST', 'faults', undefined, 400, 'a fault: expected an object, found nothing'],
    ['GET', 'reset', undefined, 405, 'expected POST, found GET'],
    ['GET', 'faults/1', undefined, 405, 'expected DELETE, found GET'],
    ['GET', 'clocks', undefined, 404, 'expected /_millrace/clock, faults, faults/ID or reset'],
  ] as const)('%s %s of %j: %i', async (method, path, body, status, message) => {
    const answer = await ask(await start({ http: true }), method, path, body)
    expect(answer.status).toBe(status)
    expect(answer.body['message']).toContain(message)
  })

  it('refuses a body that is no JSON', async () => {
    const server = await start({ http: true })
    const response = await fetch(`${server.endpoint}/_millrace/clock`, { method: 'POST', body: '{' })
    expect([response.status, await response.json()]).toEqual([400, { message: 'body: expected JSON' }])
  })

  it('does nothing for web pages and names that are not granted', async () => {
    const server = await start({ http: true })
    server.faults.add({ kind: 'cut' })
    expect((await ask(server, 'POST', 'reset', undefined, { origin: 'https://evil.example' })).status).toBe(403)
    expect(server.faults.list()).toHaveLength(1)
    expect((await ask(server, 'POST', 'reset', undefined, { origin: 'http://localhost:5173' })).status).toBe(200)
    expect(server.faults.list()).toHaveLength(0)
  })
})
