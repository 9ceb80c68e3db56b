/**
 * Plants a mutant in a process of its own: a program of ours is run from its source, by tsx, whose loader is handed the
 * one file with the mechanism taken out. Programs of threads that are text (docs/decisions/020) are in such a file, too.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Mutant, MUTANT_VARIABLE } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

/** What Node is told to run `program`, a path from the repository's `root`; `undefined`: no mutant is to be planted. */
export function plantedArguments(
  root: string,
  program: string,
  environment: NodeJS.ProcessEnv,
): readonly string[] | undefined {
  const mutant = MUTANTS.find(({ name }) => name === environment[MUTANT_VARIABLE])
  if (mutant === undefined) return undefined
  const preload = `import { register } from 'node:module'; register(${JSON.stringify(moduleOf(hookOf(root, mutant)))})`
  // What is registered first is asked last: tsx hears of the file from here.
  return ['--conditions=source', '--import', moduleOf(preload), '--import', 'tsx', join(root, program)]
}

function hookOf(root: string, { file, find, replace }: Mutant): string {
  const [url, place, instead] = [pathToFileURL(join(root, file)).href, find, replace].map((text) =>
    JSON.stringify(text),
  )
  return `export async function load(url, context, next) {
    const loaded = await next(url, context)
    if (url.split('?')[0] !== ${url}) return loaded
    return { ...loaded, source: Buffer.from(loaded.source).toString().split(${place}).join(${instead}) }
  }`
}

function moduleOf(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`
}
