/** docs/testing-your-application.md: what it shows is what runs. */
import { readFile } from 'node:fs/promises'
import { startTestServer } from '@millrace/server/testing'
import { expect, it } from 'vitest'
import { onOwnServer } from './support/service.ts'

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
const guide = await read('docs/testing-your-application.md')

onOwnServer('docs/testing-your-application.md', () => {
  it('shows the example as it runs', async () => {
    const example = await read('examples/test-your-application/orders.test.mjs')
    expect(guide).toContain(`\`\`\`js\n${example}\`\`\`\n`)
  })

  it('shows requests that are answered', async () => {
    const block = /```sh\n(curl[^`]*)```/.exec(guide)?.[1] ?? ''
    const lines = block.trim().split('\n')
    expect(lines.length).toBeGreaterThan(5)
    await using kit = await startTestServer({ http: true })
    for (const line of lines) {
      const [, method = 'GET', body, path = ''] =
        /^curl(?: -X (\w+))?(?: -d '([^']+)')? \$ENDPOINT(\S+)$/.exec(line) ?? []
      const response = await fetch(`${kit.endpoint}${path}`, { method, ...(body === undefined ? {} : { body }) })
      expect([line, response.status]).toEqual([line, 200])
    }
    expect(kit.faults.list()).toEqual([])
  })
})
