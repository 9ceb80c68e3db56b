/**
 * Hands Vitest a test file as one module, with all of ours that it imports: a Vite plugin for tests that compute for
 * minutes. Vitest's loader makes each use of an imported name a look-up in the module that it comes from; within one module
 * it is none. Errors and stacks name the sources, by the map that comes along; plugins see each source, as they would
 * without it. Modules cannot be mocked in it.
 */
import { dirname, resolve } from 'node:path'
import { build, type InlineConfig } from 'vite'

interface BundlingPlugin {
  readonly name: string
  readonly enforce: 'pre'
  load(id: string): Promise<{ readonly code: string; readonly map: string } | undefined>
}

/** `files`: which test files. `config`: how the sources are found and read. */
export function bundledTests(
  files: RegExp,
  config: Pick<InlineConfig, 'resolve' | 'ssr' | 'oxc' | 'plugins'>,
): BundlingPlugin {
  return {
    name: 'millrace-bundled-tests',
    enforce: 'pre',
    load: async (id) => (files.test(id) ? bundle(id, config) : undefined),
  }
}

async function bundle(id: string, config: InlineConfig): Promise<{ readonly code: string; readonly map: string }> {
  const built = await build({
    ...config,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: id,
      write: false,
      sourcemap: true,
      minify: false,
      rolldownOptions: {
        output: { codeSplitting: false, sourcemapPathTransform: (source, map) => resolve(dirname(map), source) },
      },
    },
  })
  const [chunk] = 'output' in built ? built.output : []
  if (chunk?.map === undefined || chunk.map === null) throw new Error(`${id} is bundled without a map`)
  return { code: chunk.code, map: chunk.map.toString() }
}
