/**
 * A disk whose syncs take longer: given to a server with `--import file://…/slow-sync.mjs?ms=2`, it has the log's writer
 * thread wait so many milliseconds behind each sync. It lives here, so that the product needs no switch for it.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'

const threads = createRequire(import.meta.url)('node:worker_threads')
const ms = Number(new URL(import.meta.url).searchParams.get('ms'))
if (!(ms > 0)) throw new Error(`expected ?ms= and a number of milliseconds, found ${import.meta.url}`)

const slow = `{
  const fs = require('node:fs')
  const { fdatasyncSync } = fs
  const never = new Int32Array(new SharedArrayBuffer(4))
  fs.fdatasyncSync = (fd) => {
    fdatasyncSync(fd)
    Atomics.wait(never, 0, 0, ${ms})
  }
}
`

threads.Worker = class extends threads.Worker {
  constructor(program, options) {
    const isWriter = options?.name === 'millrace-writer'
    if (isWriter && !options.eval)
      throw new Error('the writer thread is no text any more: slow-sync.mjs cannot slow it down')
    super(isWriter ? slow + program : program, options)
  }
}
syncBuiltinESMExports()
