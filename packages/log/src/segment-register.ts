/**
 * Which segments are gone on purpose, and which stand regrouped: what the log knows of its files beside them. A value;
 * applying the same change twice comes to the same, since recovery may read a frame more than once.
 */
import type { FreedSegment, GroupedSegment, Regrouping } from './format/control-format.ts'
import { addFreed, type FreedRange } from './format/snapshot-format.ts'
import { isGroupedNumber } from './segment.ts'

export interface SegmentRegister {
  readonly freed: readonly FreedRange[]
  readonly grouped: readonly GroupedSegment[]
}

export const EMPTY_REGISTER: SegmentRegister = { freed: [], grouped: [] }

export function withFreed({ freed, grouped }: SegmentRegister, gone: FreedSegment): SegmentRegister {
  if (!isGroupedNumber(gone.number)) return { freed: addFreed(freed, gone), grouped }
  return { freed, grouped: grouped.filter(({ number }) => number !== gone.number) }
}

export function withRegrouped(register: SegmentRegister, { inputs, outputs }: Regrouping): SegmentRegister {
  const after = inputs.reduce(withFreed, register)
  const known = after.grouped.filter(({ number }) => !outputs.some((output) => output.number === number))
  return { freed: after.freed, grouped: [...known, ...outputs] }
}
