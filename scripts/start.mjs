/** `npm start`: install if needed, build if needed, serve. Arguments after `--` go to `millrace start`. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNode, ensureBuilt, ensureInstalled, root } from './setup.mjs'

const PARENT_LOOK_MS = 500

checkNode()
try {
  await ensureInstalled()
  await ensureBuilt()
} catch (error) {
  console.error(String(error?.message ?? error))
  process.exit(1)
}
// npm hands a SIGTERM to the shell in between, which dies of it and tells nobody: then the server is told here.
if (process.env.npm_lifecycle_event === 'start') {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, PARENT_LOOK_MS).unref()
}
process.argv.splice(2, 0, 'start')
await import(pathToFileURL(join(root, 'packages', 'cli', 'dist', 'main.js')).href)
