import { describe, expect, it } from 'vitest'

import { startServer } from './server.ts'

describe('startServer', () => {
  it('serves plain words', async () => {
    const server = await startServer({ port: 0, dataDir: ':memory:' })
    const answer = await fetch(server.endpoint, { headers: { accept: 'text/html' } })
    expect(await answer.text()).toContain('Millrace')
    await server.close()
  })
})
