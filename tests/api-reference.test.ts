/** docs/reference/api: what it says is what the sources say. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
// Plain JavaScript without types, as all scripts.
const scripts = new URL('../scripts/api-pages.mjs', import.meta.url).href
const { apiPages } = (await import(scripts)) as { apiPages(root: string): Promise<ReadonlyMap<string, string>> }

describe('docs/reference/api', () => {
  it('says what the sources say, and nothing else; else: npm run docs', async () => {
    const pages = await apiPages(root)
    const committed = readdirSync(`${root}docs/reference/api`).map((name) => `api/${name}`)
    expect(committed.sort()).toEqual([...pages.keys()].sort())
    for (const [name, text] of pages) expect(readFileSync(`${root}docs/reference/${name}`, 'utf8')).toBe(text)
  })
})
