/**
 * The code of a package's `dist`: one file for each way in, and what they share or load later beside them. A start that
 * opens a file for every module spends half its time on that (docs/decisions/139-code-in-few-files.md). Types are tsc's.
 */
import { readFileSync } from 'node:fs'
import { basename, isAbsolute, join } from 'node:path'
import { rolldown } from 'rolldown'

/** Ways in that no `exports` names: programs, threads, and what a script of ours reads. */
const moreEntries = {
  cli: { main: 'src/main.ts' },
  server: { 'body-worker-thread': 'src/http/body-worker-thread.ts', 'reference-pages': 'src/reference-pages.ts' },
}

/** `folder`: the package's. */
export async function bundlePackage(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const exported = Object.values(exports).map(({ source, default: file }) => [
    file.replace(/^\.\/dist\/|\.js$/g, ''),
    source,
  ])
  const bundle = await rolldown({
    cwd: folder,
    input: { ...Object.fromEntries(exported), ...moreEntries[basename(folder)] },
    platform: 'node',
    transform: { target: 'node20.19' },
    external: isElsewhere,
    logLevel: 'warn',
  })
  await bundle.write({
    dir: join(folder, 'dist'),
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunk-[hash].js',
  })
  await bundle.close()
}

/** Other packages, ours as well, are loaded from where they are installed; what Rolldown itself adds for Node 20 is no package of ours. */
function isElsewhere(id) {
  return !id.startsWith('.') && !isAbsolute(id) && !id.startsWith('@oxc-project/runtime')
}
