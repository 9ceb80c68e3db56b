/**
 * A mutant: one safety mechanism of the product, taken out by one replacement in one source file, and the suite that
 * must turn red without it. The source on disk is never touched: `plugin.ts` puts the replacement in while Vitest loads
 * the file.
 */
export interface Mutant {
  /** Names it on the command line; in kebab-case. */
  readonly name: string
  /** The mechanism that is gone, for people. */
  readonly mechanism: string
  /** Path from the root of the repository. */
  readonly file: string
  /** Stands exactly once in that file … */
  readonly find: string
  /** … and this stands there instead. */
  readonly replace: string
  readonly suite: Suite
}

/** What is run, as `vitest run` is told. */
export interface Suite {
  readonly project: 'units' | 'conformance' | 'simulation' | 'fuzz' | 'crash' | 'stores'
  /** Parts of paths of test files. */
  readonly files: readonly string[]
  /** Only the tests whose names match. */
  readonly test?: string
  /** Variables that it is run with: how much of it. */
  readonly amounts?: Readonly<Record<string, string>>
}

/** Where the name of the mutant that is to be planted is handed to Vitest. */
export const MUTANT_VARIABLE = 'MILLRACE_MUTANT'

/** The source with the mechanism taken out. Throws when the place is not there exactly once: the list is out of date. */
export function mutate(mutant: Mutant, source: string): string {
  const parts = source.split(mutant.find)
  if (parts.length !== 2) {
    throw new Error(
      `mutant ${mutant.name}: expected its place once in ${mutant.file}, found it ${parts.length - 1} times; ` +
        'bring tests/mutants up to date',
    )
  }
  return parts.join(mutant.replace)
}

/** The row of a mutant in the table of docs/testing.md, but for the seconds. */
export function rowStart({ mechanism, name, suite }: Mutant): string {
  // `log/src/log.test.ts` is called log.
  const files = suite.files.map((file) => (file.split('/').at(-1) ?? '').replace(/\.test\.ts$/, ''))
  return `| ${mechanism} | \`${name}\` | ${suite.project}: ${files.join(', ')} |`
}
