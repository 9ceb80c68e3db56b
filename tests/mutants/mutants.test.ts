/** The list of mutants keeps up with the source: each place is there, once, and each suite has files. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { mutate, MUTANT_VARIABLE, rowStart } from './mutant.ts'
import { MUTANTS } from './mutants.ts'
import { plantedArguments } from './planted-process.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const tests = ['packages', 'tests'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules')),
)

describe('the planted bugs', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s finds its place', (_name, mutant) => {
    const source = readFileSync(join(root, mutant.file), 'utf8')
    expect(mutate(mutant, source)).not.toBe(source)
    for (const part of mutant.suite.files) expect(tests.some((path) => path.includes(part))).toBe(true)
  })

  it('stand in the table of docs/testing.md, each in its row', () => {
    const page = readFileSync(join(root, 'docs', 'testing.md'), 'utf8')
    const rows = page
      .split('\n')
      .flatMap((line) => /^(\| [^|]+ \| `[\w-]+` \| [^|]+ \|) [^|]+ \|$/.exec(line)?.[1] ?? [])
    expect(rows.sort()).toEqual(MUTANTS.map((mutant) => rowStart(mutant)).sort())
  })

  it('are at least 25, each with a name of its own', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(25)
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  })

  it('a place that is gone, or there twice, is an error that says so', () => {
    const [mutant] = MUTANTS
    if (mutant === undefined) throw new Error('there are mutants')
    expect(() => mutate(mutant, '')).toThrow('found it 0 times')
    expect(() => mutate(mutant, mutant.find + mutant.find)).toThrow('found it 2 times')
  })

  it('are planted in a process of its own that is run from its source, and in no other', () => {
    const program = join(root, 'packages/cli/src/main.ts')
    expect(plantedArguments(root, 'packages/cli/src/main.ts', {})).toBeUndefined()
    const [mutant] = MUTANTS
    const planted = plantedArguments(root, 'packages/cli/src/main.ts', { [MUTANT_VARIABLE]: mutant?.name ?? '' })
    expect(planted?.at(-1)).toBe(program)
    expect(decodeURIComponent(decodeURIComponent(planted?.join(' ') ?? ''))).toContain(mutant?.file)
  })
})
