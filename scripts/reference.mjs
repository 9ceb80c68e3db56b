/**
 * `npm run docs`: writes the pages of docs/reference that are made from the code: tables of it, and the API of the libraries.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, ensureBuilt, ensureInstalled, root } from './setup.mjs'

checkNode()
await ensureInstalled()
await ensureBuilt()
const built = pathToFileURL(join(root, 'packages', 'server', 'dist', 'reference-pages.js')).href
const { referencePages } = await import(built)
// Needs what is installed.
const { apiPages } = await import('./api-pages.mjs')
for (const [name, text] of [...referencePages(), ...(await apiPages(root))]) {
  const path = join(root, 'docs', 'reference', name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  console.log(`docs/reference/${name}`)
}
