/** The built command `millrace`, run as a process of its own with a user's environment. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plantedArguments } from '../../mutants/planted-process.ts'

export const repositoryRoot = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))))

export const commandPath = join(repositoryRoot, 'packages', 'cli', 'dist', 'main.js')

/** What node is told to run it; with a bug that is planted in it (`npm run test:mutants`) from its source. */
export const commandArguments = plantedArguments(repositoryRoot, 'packages/cli/src/main.ts', process.env) ?? [
  commandPath,
]

/** A user's shell has none of the test runner's variables. */
export const userEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS|NODE_ENV|AWS_)/.test(name)))

export function startCommand(endpoint: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
  return startLocalCommand(...args, '--endpoint-url', endpoint)
}

/** One that talks to no server. */
export function startLocalCommand(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...commandArguments, ...args], { env: userEnvironment() })
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Everything it prints, once it has ended. */
export async function finished(child: ChildProcessWithoutNullStreams, stdin?: string): Promise<Finished> {
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => {
    // It ended before it read all; its exit code tells.
  })
  child.stdin.end(stdin)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

export const runCommand = (endpoint: string, ...args: readonly string[]): Promise<Finished> =>
  finished(startCommand(endpoint, ...args))
