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

/**
 * What was written takes the place of the last of what it was written from. The order matters: of segments that end with
 * the same commit, the frames of a ledger come in the order in which they stand here.
 */
export function withRegrouped(register: SegmentRegister, { inputs, outputs }: Regrouping): SegmentRegister {
  const isOutput = ({ number }: GroupedSegment): boolean => outputs.some((output) => output.number === number)
  const last = inputs.at(-1)?.number
  let place = register.grouped.findIndex(isOutput)
  if (place === -1) place = register.grouped.findIndex(({ number }) => number === last)
  if (place === -1) place = register.grouped.length
  const [before, after] = [register.grouped.slice(0, place), register.grouped.slice(place)]
  const grouped = [
    ...before.filter((segment) => !isOutput(segment)),
    ...outputs,
    ...after.filter((segment) => !isOutput(segment)),
  ]
  return inputs.reduce(withFreed, { freed: register.freed, grouped })
}

/** The first commit that stood in the segments behind `number`, should these be gone: the log of that one ends before it. */
export function freedBehind(freed: readonly FreedRange[], number: number): number | undefined {
  return freed.find(({ firstNumber }) => firstNumber === number + 1)?.firstCommit
}
