/**
 * What goes wrong with files that nobody touched: flipped bits, zeroed pages, lost tails, files swapped, gone, or put
 * back as they were long ago. Each function damages one simulated disk, durably.
 */
import { type Random, randomBelow } from '@millrace/std'
import { COMMIT_HEADER_BYTES, decodeCommitHeader, FRAME_BYTES } from '../format/commit-format.ts'
import { decodeSegmentHeader } from '../format/segment-header.ts'
import { PAGE_BYTES } from './page-image.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

/** `head`: a flipped bit in the header or the directory of a commit, which say where and what everything else is. */
export const ROT_KINDS = ['flip', 'head', 'zero', 'garbage', 'truncate', 'swap', 'lose', 'stale'] as const
export type RotKind = (typeof ROT_KINDS)[number]

export interface Rot {
  readonly kind: RotKind
  readonly path: string
  /** Of the first damaged byte. */
  readonly offset: number
}

const OFFSET_TRIES = 8

/**
 * Damages one file of `disk` at random, and says how. `earlier` is the disk some time before, for files put back;
 * only files whose path starts with `within` are damaged.
 * `undefined` if there is nothing to damage in this way, or the damage changes nothing.
 */
export function rot(
  disk: SimulatedDisk,
  kind: RotKind,
  random: Random,
  earlier: SimulatedDisk,
  within = '',
): Rot | undefined {
  const all = disk.paths().filter((path) => path.startsWith(within))
  // Full segments are found by their indexes: the last ones are walked.
  const paths = kind === 'head' ? all.filter((path) => path.endsWith('.seg') && path.startsWith('log/')).slice(-2) : all
  const path = paths[randomBelow(random, Math.max(1, paths.length))]
  const before = path === undefined ? undefined : disk.peek(path)
  if (path === undefined || before === undefined || before.length === 0) return undefined
  const after = before.slice()
  let offset = pickOffset(before, random)
  switch (kind) {
    case 'flip':
      after[offset] = (before[offset] ?? 0) ^ (1 << randomBelow(random, 8))
      break
    case 'head': {
      const place = pickHeadOffset(before, random)
      if (place === undefined) return undefined
      offset = place
      after[offset] = (before[offset] ?? 0) ^ (1 << randomBelow(random, 8))
      break
    }
    case 'zero':
    case 'garbage':
      offset -= offset % PAGE_BYTES
      if (kind === 'zero') after.fill(0, offset, offset + PAGE_BYTES)
      else after.set(random.bytes(Math.min(PAGE_BYTES, after.length - offset)), offset)
      break
    case 'truncate':
      disk.poke(path, before.slice(0, offset))
      return { kind, path, offset }
    case 'lose':
      disk.discard(path)
      return { kind, path, offset: 0 }
    case 'swap':
      return swap(disk, path, before, random)
    case 'stale':
      if (!earlier.paths().includes(path)) return undefined
      return replaced(disk, { kind, path, offset: 0 }, before, earlier.peek(path))
  }
  return replaced(disk, { kind, path, offset }, before, after)
}

/** A byte of a page that holds something; zeros waiting to be written tell little. */
function pickOffset(bytes: Uint8Array, random: Random): number {
  let offset = randomBelow(random, bytes.length)
  for (let tries = 0; tries < OFFSET_TRIES && isEmptyPage(bytes, offset); tries++) {
    offset = randomBelow(random, bytes.length)
  }
  return offset
}

/** A byte of the header or the directory of some commit; `undefined` if these bytes are no segment, or an empty one. */
function pickHeadOffset(bytes: Uint8Array, random: Random): number | undefined {
  const segment = decodeSegmentHeader(bytes.subarray(0, PAGE_BYTES))
  if (segment.kind !== 'ok') return undefined
  const heads: { readonly start: number; readonly length: number }[] = []
  for (let start = PAGE_BYTES; start + COMMIT_HEADER_BYTES <= bytes.length; start += PAGE_BYTES) {
    const header = decodeCommitHeader(bytes, start)
    // Behind the last commit stand those of the file's former lives.
    if (header?.salt !== segment.header.salt) continue
    heads.push({ start, length: COMMIT_HEADER_BYTES + header.frames * FRAME_BYTES })
  }
  const head = heads[randomBelow(random, Math.max(1, heads.length))]
  return head === undefined ? undefined : head.start + randomBelow(random, head.length)
}

function isEmptyPage(bytes: Uint8Array, offset: number): boolean {
  const start = offset - (offset % PAGE_BYTES)
  return bytes.subarray(start, start + PAGE_BYTES).every((byte) => byte === 0)
}

function swap(disk: SimulatedDisk, path: string, bytes: Uint8Array, random: Random): Rot | undefined {
  const directory = path.slice(0, path.lastIndexOf('/') + 1)
  const others = disk.paths().filter((other) => other !== path && other.startsWith(directory))
  const other = others[randomBelow(random, Math.max(1, others.length))]
  if (other === undefined) return undefined
  disk.poke(path, disk.peek(other))
  disk.poke(other, bytes)
  return { kind: 'swap', path, offset: 0 }
}

function replaced(disk: SimulatedDisk, what: Rot, before: Uint8Array, after: Uint8Array): Rot | undefined {
  if (Buffer.compare(before, after) === 0) return undefined
  disk.poke(what.path, after)
  return what
}
