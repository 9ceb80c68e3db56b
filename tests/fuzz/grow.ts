/**
 * Grows the corpus: fuzzes each target for a while, keeps inputs that reach code which none before them did, and writes
 * the fewest that reach it all. `npm run fuzz:grow -- SECONDS [target …]`. What is kept is committed.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Fuzzer as FuzzerType } from './support/fuzzer.ts'
import { CodeReach } from './support/code-reach.ts'
import type { Target } from './support/target.ts'

const BATCH = 250
/** Larger inputs are not kept: the corpus is read by people, too. */
const KEPT_BYTES_MAX = 4 * 1024

const [seconds = '10', ...names] = process.argv.slice(2)
const seed = Date.now() % 1_000_000
const reach = await CodeReach.start()
const { targets } = await import('./targets/all.ts')
const { Fuzzer } = await import('./support/fuzzer.ts')
const { checkWithinBounds } = await import('./support/bounds.ts')
const { corpusFolder, keptInputs } = await import('./support/inputs.ts')

for (const target of targets) if (names.length === 0 || names.includes(target.name)) await grow(target)

async function grow(target: Target): Promise<void> {
  const fuzzer = new Fuzzer(target)
  const pool = [...fuzzer.pool]
  reach.forget()
  await reach.look()
  reach.forget()
  for (const input of pool) await checkWithinBounds(target, input)
  await reach.look()
  const found: Uint8Array[] = []
  const end = performance.now() + Number(seconds) * 1_000
  let tried = 0
  for (; performance.now() < end; tried += BATCH) await tryBatch(target, fuzzer, tried, pool, found)
  const old = keptInputs('corpus', target.name).map(({ bytes }) => bytes)
  const kept = await fewest(target, [...old, ...found])
  const folder = corpusFolder(target.name)
  rmSync(folder, { recursive: true, force: true })
  if (kept.length > 0) mkdirSync(folder, { recursive: true })
  for (const bytes of kept) {
    writeFileSync(join(folder, `${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.bin`), bytes)
  }
  console.log(
    `${target.name}: ${tried} tried, ${found.length} reached something new, ${kept.length} kept, ${reach.characters} characters of code`,
  )
}

async function tryBatch(
  target: Target,
  fuzzer: FuzzerType,
  first: number,
  pool: Uint8Array[],
  found: Uint8Array[],
): Promise<void> {
  const inputs = Array.from({ length: BATCH }, (_, index) => fuzzer.input(seed, first + index, pool))
  // Together, without remembering; one by one only if it was worth it.
  const snapshot = reach.snapshot()
  for (const input of inputs) await checkWithinBounds(target, input)
  if ((await reach.look()) === 0) return
  reach.restore(snapshot)
  for (const input of inputs) {
    await checkWithinBounds(target, input)
    if ((await reach.look()) === 0 || input.length > KEPT_BYTES_MAX) continue
    pool.push(input)
    found.push(input)
  }
}

/** Small ones first; those that reach nothing beyond the specimens and the ones before them are let go. */
async function fewest(target: Target, candidates: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  reach.forget()
  for (const input of target.specimens) await checkWithinBounds(target, input)
  await reach.look()
  const kept: Uint8Array[] = []
  for (const input of [...candidates].sort((a, b) => a.length - b.length)) {
    await checkWithinBounds(target, input)
    if ((await reach.look()) > 0) kept.push(input)
  }
  return kept
}
