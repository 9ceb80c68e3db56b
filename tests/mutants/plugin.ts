/**
 * Plants a mutant: a Vite plugin that hands Vitest a source file with one mechanism taken out. It does nothing unless
 * MILLRACE_MUTANT names one. Code that Node loads by itself is
 * not reached: child processes, for which there is planted-process.ts, and worker threads.
 */
import { join, sep } from 'node:path'
import { MUTANT_VARIABLE, mutate } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

interface SourcePlugin {
  readonly name: string
  readonly enforce: 'pre'
  transform(code: string, id: string): string | undefined
}

/** The plugins that a project of vitest.config.ts loads its sources with. `root` is the repository's. */
export function mutantPlugins(root: string, environment: NodeJS.ProcessEnv): SourcePlugin[] {
  const name = environment[MUTANT_VARIABLE]
  if (name === undefined || name === '') return []
  const mutant = MUTANTS.find((known) => known.name === name)
  if (mutant === undefined) throw new Error(`${MUTANT_VARIABLE}=${name}: there is no such mutant in tests/mutants`)
  const file = join(root, ...mutant.file.split('/')).replaceAll(sep, '/')
  return [
    {
      name: 'millrace-mutant',
      enforce: 'pre',
      transform: (code, id) => (id.split('?')[0] === file ? mutate(mutant, code) : undefined),
    },
  ]
}
