import { startServer } from './server.ts'
import { describe, expect, it } from 'vitest'

describe('startServer', () => {
  it('serves plain words', async () => {
    const server = await startServer({ port: 0, dataDir: ':memory:' })
    const answer = await fetch(server.endpoint, { headers: { accept: 'text/html' } })
    expect(await answer.text()).toContain('Millrace')
    const xml = await fetch(server.endpoint)
    expect(xml.status).toBe(403)
    console.log(await (await fetch(server.endpoint + '/_metrics')).text())
    await server.close()
  })
})
