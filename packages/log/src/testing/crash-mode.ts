/**
 * How a simulated crash decides what survives of that which was not yet durable. One `Survival` is drawn per crash
 * and asked for every pending change, so that names and data of one crash agree on where a prefix ends.
 */
import { randomBelow, type Random } from '@millrace/std'

/**
 * - `kill`: the process dies, the kernel does not: all that was written stays in the cache, still not durable.
 * - `all-lost`, `all-kept`: the power fails; nothing, or everything, of what was pending reached the drive.
 * - `prefix`: what came first, across all files and directories; the change at the cut may be torn.
 * - `reordered`: what came last, without what came before it.
 * - `only`: one single change, and `without`: all but one.
 * - `subset`: each write whole or not at all, independently.
 * - `pages`, `sectors`: each 4 KiB page, or 512 B sector, of each write independently.
 * - `garbage`: like `sectors`, and a sector in flight may hold anything, unless it held the same bytes before.
 * - `names-only`: names without the data behind them; `data-only`: data without the names.
 */
export type CrashMode =
  | 'kill'
  | 'all-lost'
  | 'all-kept'
  | 'prefix'
  | 'reordered'
  | 'only'
  | 'without'
  | 'subset'
  | 'pages'
  | 'sectors'
  | 'garbage'
  | 'names-only'
  | 'data-only'

export const CRASH_MODES: readonly CrashMode[] = [
  'kill',
  'all-lost',
  'all-kept',
  'prefix',
  'reordered',
  'only',
  'without',
  'subset',
  'pages',
  'sectors',
  'garbage',
  'names-only',
  'data-only',
]

export interface Survival {
  readonly mode: CrashMode
  readonly random: Random
  /** Changes numbered below this came before the cut (`prefix`, `reordered`); the one change (`only`, `without`). */
  readonly cut: number
  /** Whether names survive as a prefix or each for itself, where the mode leaves it open. */
  readonly names: 'prefix' | 'each'
  /** One independent throw: does this piece survive? */
  keeps(): boolean
}

/** Few, half or most of the pieces survive: a fair coin alone hardly ever loses only one of many. */
const KEEP_CHANCES = [0.1, 0.5, 0.9] as const

/** Modes whose crashes can be gone through one by one: one for each pending change. */
export const CUT_MODES = ['prefix', 'reordered', 'only', 'without'] as const satisfies readonly CrashMode[]

/**
 * Draws one crash. `firstOrder` … `nextOrder` is the range of the numbers of the pending changes, from which the cut is
 * drawn unless it is given.
 */
export function drawSurvival(
  mode: CrashMode,
  random: Random,
  firstOrder: number,
  nextOrder: number,
  cut: number = firstOrder + randomBelow(random, nextOrder - firstOrder + 1),
): Survival {
  const chance = KEEP_CHANCES[randomBelow(random, KEEP_CHANCES.length)] ?? 0.5
  return {
    mode,
    random,
    cut,
    names: random.float() < 0.5 ? 'prefix' : 'each',
    keeps: () => random.float() < chance,
  }
}
