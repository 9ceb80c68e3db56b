/**
 * The inputs that are kept: `corpus/<target>/` holds what reaches code that nothing else reaches (grow.ts chooses),
 * `cases/<target>/` every input that ever found a bug, under the bug's name. Files, so that git keeps them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const room = fileURLToPath(new URL('..', import.meta.url))

export interface KeptInput {
  readonly name: string
  readonly bytes: Uint8Array
}

export function keptInputs(kind: 'corpus' | 'cases', target: string): readonly KeptInput[] {
  const folder = join(room, kind, target)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.bin'))
    .sort()
    .map((name) => ({ name: name.slice(0, -'.bin'.length), bytes: readFileSync(join(folder, name)) }))
}

export function corpusFolder(target: string): string {
  return join(room, 'corpus', target)
}

/** Where a failing input is put; to be moved to `cases/<target>/` under a name. */
export function writeFailure(target: string, seed: number, index: number, bytes: Uint8Array): string {
  const folder = join(tmpdir(), 'millrace-fuzz')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${target}-${seed}-${index}.bin`)
  writeFileSync(path, bytes)
  return path
}
