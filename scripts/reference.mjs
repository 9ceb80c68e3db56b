/** Writes the pages of docs/reference that are made from tables in the code: `node scripts/reference.mjs`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, ensureBuilt, ensureInstalled, root } from './setup.mjs'

checkNode()
await ensureInstalled()
await ensureBuilt()
const built = pathToFileURL(join(root, 'packages', 'server', 'dist', 'reference-pages.js')).href
const { referencePages } = await import(built)
for (const [name, text] of referencePages()) {
  writeFileSync(join(root, 'docs', 'reference', name), text)
  console.log(`docs/reference/${name}`)
}
