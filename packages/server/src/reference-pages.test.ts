import { readFile } from 'node:fs/promises'

import { describe, expect, it } from 'vitest'

import { referencePages } from './reference-pages.ts'

describe('docs/reference', () => {
  it.each([...referencePages()])('%s says what the code says; else: npm run docs', async (name, text) => {
    const url = new URL(`../../../docs/reference/${name}`, import.meta.url)
    expect(await readFile(url, 'utf8')).toBe(text)
  })
})
