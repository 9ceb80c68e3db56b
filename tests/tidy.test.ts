/**
 * The repository's promises about itself: house rules that no type checker or linter sees. Each rule says what to do
 * instead.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packages = readdirSync(join(root, 'packages'))
const sources = packages.flatMap((name) => filesUnder(join(root, 'packages', name, 'src')))
const production = sources.filter((file) => !/\.(test|contract)\.ts$|\/testing\//.test(file))
const everyTest = [...sources, ...filesUnder(join(root, 'tests'))].filter((file) => file.endsWith('.test.ts'))

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes('node_modules'))
}

/** Lines of `files` that match, as `path:line: text`. Comments do not count. */
function linesMatching(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line, index) => ({ line: line.replace(/^\s*(\/\/|\*|\/\*).*$/, '').replace(/\s\/\/ .*$/, ''), index }))
      .filter(({ line }) => pattern.test(line))
      .map(({ line, index }) => `${relative(root, file)}:${index + 1}: ${line.trim()}`),
  )
}

describe('the house rules', () => {
  it('time, sleep and chance come from std only: take a Clock or a Random', () => {
    // The command's shell is the process itself: where the machine's clock is handed in.
    const outside = production.filter((file) => !/\/packages\/(std\/|cli\/src\/shell\.ts)/.test(file))
    const found = linesMatching(
      outside,
      /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|(?<!\.)\bsetTimeout\(|(?<!\.)\bsetInterval\(|\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/,
    )
    expect(found).toEqual([])
  })

  it('signals are combined by withAnySignal: AbortSignal.any leaks in Node 20 where a source lives on', () => {
    expect(linesMatching([...production, ...everyTest], /\bAbortSignal\.any\(/)).toEqual([])
  })

  it('the environment is read only in cli: libraries take options', () => {
    const outside = production.filter((file) => !file.includes('/packages/cli/'))
    expect(linesMatching(outside, /\bprocess\.env\b/)).toEqual([])
  })

  it('the log has never heard of Kinesis', () => {
    const log = production.filter((file) => file.includes('/packages/log/'))
    expect(linesMatching(log, /\bshards?\b|kinesis|partition.?key|hash.?key/i)).toEqual([])
  })

  it('no test is skipped, focused or left to do', () => {
    expect(linesMatching(everyTest, /\b(it|test|describe)\.(skip|only|todo|skipIf|runIf)\b/)).toEqual([])
  })

  it('no file outgrows one thing: 600 lines at most', () => {
    const long = sources.filter((file) => readFileSync(file, 'utf8').split('\n').length > 600)
    expect(long.map((file) => relative(root, file))).toEqual([])
  })

  it('every source file says what it is before it exports anything', () => {
    const silent = production.filter((file) => {
      const text = readFileSync(file, 'utf8')
      const start = text.search(/^export /m)
      return !file.endsWith('/index.ts') && !/^ ?\*|^\/\*|^\/\//m.test(start === -1 ? text : text.slice(0, start))
    })
    expect(silent.map((file) => relative(root, file))).toEqual([])
  })

  it('no file is called after nothing: find the noun', () => {
    const vague = sources.filter((file) => /(^|[/-])(utils?|helpers?|common|misc|manager)\.ts$/.test(file))
    expect(vague.map((file) => relative(root, file))).toEqual([])
  })

  it('an operation has one file on each side, of the same name', () => {
    const operationFiles = (folder: string): string[] =>
      readdirSync(join(root, 'packages', folder, 'src', 'operations')).filter((name) => !name.includes('.test.'))
    const server = new Set(operationFiles('server'))
    const wire = operationFiles('protocol').filter((name) =>
      /export const [A-Z]\w+ = operation\(/.test(
        readFileSync(join(root, 'packages', 'protocol', 'src', 'operations', name), 'utf8'),
      ),
    )
    expect(wire.length).toBeGreaterThan(0)
    expect(wire.filter((name) => !server.has(name))).toEqual([])
  })

  it('decisions are numbered once each', () => {
    const numbers = readdirSync(join(root, 'docs', 'decisions')).map((name) => name.slice(0, 3))
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
  })

  it('the command is there before anything is built: npm links it at installation or never', () => {
    const { bin } = JSON.parse(readFileSync(join(root, 'packages', 'cli', 'package.json'), 'utf8')) as {
      bin: { millrace: string }
    }
    expect(bin.millrace).not.toContain('dist')
    expect(readFileSync(join(root, 'packages', 'cli', bin.millrace), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  it('all packages carry one version', () => {
    const versions = packages.map(
      (name) =>
        (JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as { version: string }).version,
    )
    expect(new Set(versions).size).toBe(1)
  })
})
