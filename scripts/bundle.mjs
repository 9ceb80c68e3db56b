/**
 * The code of a package's `dist`: one file for each way in, and what they share or load later beside them. A start that
 * opens a file for every module spends half its time on that (docs/decisions/139-code-in-few-files.md). Types are tsc's.
 */
import { build } from 'esbuild'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

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
  await build({
    absWorkingDir: folder,
    entryPoints: { ...Object.fromEntries(exported), ...moreEntries[basename(folder)] },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    // Other packages, ours as well, are loaded from where they are installed.
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  })
}
