/**
 * Sequence numbers: 188 bits in 56 decimal digits, in the real service's layout (KINESIS.md §11), the index field
 * holding the engine's position. Ordered by position within a shard, from parent to child by birth.
 *
 *   bits  187–184  183–148   147–144    143–80                     79–72  71–36      35–4   3–0
 *         2        birth, s  shard & 15  commit << 16 | index      0      time, s    shard  2
 */

const INDEX_BITS = 16n
const INDEX_MASK = 0xffffn
const POSITION_SHIFT = 80n
const END_POSITION = 0x7fff_ffff_ffff_ffffn
const BIRTH_BELOW_S = 16_025_175_000

/** The highest values that the fields of a position hold. */
export const COMMIT_MAX = 2 ** 47 - 1
export const INDEX_MAX = 2 ** 16 - 1

/** What a shard has for itself in each of its numbers. */
export interface ShardIdentity {
  /** When the shard was made, whole seconds since the epoch: later than its parents and than any earlier stream of the name. */
  readonly birthS: number
  /** The number in the shard id. */
  readonly shard: number
}

export interface SequenceNumberFields extends ShardIdentity {
  /** 0 … COMMIT_MAX. */
  readonly commit: number
  /** 0 … INDEX_MAX. */
  readonly index: number
  /** When the record arrived, whole seconds since the epoch, not before `birthS`. */
  readonly timeS: number
}

export function encodeSequenceNumber(fields: SequenceNumberFields): string {
  return assemble(fields, (BigInt(fields.commit) << INDEX_BITS) | BigInt(fields.index), fields.timeS).toString()
}

/** Below every record of the shard. */
export function startingSequenceNumber(shard: ShardIdentity): string {
  return assemble(shard, 0n, shard.birthS).toString()
}

/** Above every record of the shard. `closedS`: when it was closed, whole seconds since the epoch. */
export function endingSequenceNumber(shard: ShardIdentity, closedS: number): string {
  return assemble(shard, END_POSITION, closedS).toString()
}

export type DecodedSequenceNumber =
  | (SequenceNumberFields & { readonly version: 2 })
  /** Layouts of long ago. No shard of ours has such numbers; the shard is what they claim. */
  | { readonly version: 0 | 1; readonly shard: number }

/** `undefined`: not a sequence number at all. */
export function decodeSequenceNumber(text: string): DecodedSequenceNumber | undefined {
  // 57 digits are beyond 188 bits, and a caller's number may have 129.
  if (text.length > 57 || !/^(0|[1-9]\d*)$/.test(text)) return undefined
  const value = BigInt(text)
  if (value < 1n << 124n) return decodeVersion0(value)
  if (value >> 184n !== 2n) return undefined
  const birthS = Number((value >> 148n) & 0xf_ffff_ffffn)
  const position = (value >> POSITION_SHIFT) & 0xffff_ffff_ffff_ffffn
  const shard = Number(BigInt.asIntN(32, value >> 4n))
  const version = Number(value & 0xfn)
  if (birthS >= BIRTH_BELOW_S || position > END_POSITION) return undefined
  if (version === 1) return { version, shard }
  if (version !== 2) return undefined
  const wellFormed = ((value >> 72n) & 0xffn) === 0n && ((value >> 144n) & 0xfn) === BigInt(shard & 0xf)
  if (!wellFormed) return undefined
  return {
    version,
    birthS,
    shard,
    commit: Number(position >> INDEX_BITS),
    index: Number(position & INDEX_MASK),
    timeS: Number((value >> 36n) & 0xf_ffff_ffffn),
  }
}

/** 124 bits: creation in the upper 36, shard in the lower 16. */
function decodeVersion0(value: bigint): DecodedSequenceNumber | undefined {
  if (value >> 88n >= BigInt(BIRTH_BELOW_S)) return undefined
  return { version: 0, shard: Number(value & 0xffffn) }
}

function assemble({ birthS, shard }: ShardIdentity, position: bigint, timeS: number): bigint {
  return (
    (2n << 184n) |
    (BigInt(birthS) << 148n) |
    (BigInt(shard & 0xf) << 144n) |
    (position << POSITION_SHIFT) |
    (BigInt(timeS) << 36n) |
    (BigInt.asUintN(32, BigInt(shard)) << 4n) |
    2n
  )
}

/** Every number has as many. */
export const SEQUENCE_NUMBER_DIGITS = 56
const LIMB = 10_000_000
const LIMB_DIGITS = 7
const LIMBS = SEQUENCE_NUMBER_DIGITS / LIMB_DIGITS
/** One step of the index, 2^80, in limbs of seven decimal digits, the lowest first. */
const stepLimbs = limbsOf(1n << POSITION_SHIFT)
/** 2^80 has 25 digits. */
const STEP_LIMBS = 4

function limbsOf(value: bigint): Float64Array {
  const limbs = new Float64Array(LIMBS)
  let rest = value
  for (let limb = 0; limb < LIMBS; limb++) {
    limbs[limb] = Number(rest % BigInt(LIMB))
    rest /= BigInt(LIMB)
  }
  return limbs
}

/** What stands at `shift` in the number, in limbs. */
const unit = (shift: bigint): Float64Array => limbsOf(1n << shift)

const CONSTANT_LIMBS = limbsOf((2n << 184n) | 2n)
/** Where the halves of the fields stand: each half is below 2^24, so that its product with a limb is exact. */
const UNITS = {
  birth: [unit(148n), unit(166n)],
  nibble: unit(144n),
  commit: [unit(96n), unit(120n)],
  time: [unit(36n), unit(54n)],
  shard: [unit(4n), unit(20n)],
} as const

/** Writes the number of record 0 in limbs, without a BigInt: a lone record has nobody to share the cost of one with. */
function writeBaseLimbs(
  { birthS, shard, commit, timeS }: Omit<SequenceNumberFields, 'index'>,
  limbs: Float64Array,
): void {
  const birthHigh = Math.floor(birthS / 2 ** 18)
  const birthLow = birthS - birthHigh * 2 ** 18
  const commitHigh = Math.floor(commit / 2 ** 24)
  const commitLow = commit - commitHigh * 2 ** 24
  const timeHigh = Math.floor(timeS / 2 ** 18)
  const timeLow = timeS - timeHigh * 2 ** 18
  let carry = 0
  for (let limb = 0; limb < LIMBS; limb++) {
    const sum =
      carry +
      (CONSTANT_LIMBS[limb] ?? 0) +
      birthLow * (UNITS.birth[0][limb] ?? 0) +
      birthHigh * (UNITS.birth[1][limb] ?? 0) +
      (shard & 0xf) * (UNITS.nibble[limb] ?? 0) +
      commitLow * (UNITS.commit[0][limb] ?? 0) +
      commitHigh * (UNITS.commit[1][limb] ?? 0) +
      timeLow * (UNITS.time[0][limb] ?? 0) +
      timeHigh * (UNITS.time[1][limb] ?? 0) +
      (shard & 0xffff) * (UNITS.shard[0][limb] ?? 0) +
      (shard >>> 16) * (UNITS.shard[1][limb] ?? 0)
    carry = Math.floor(sum / LIMB)
    limbs[limb] = sum - carry * LIMB
  }
}

/**
 * Writes the numbers of one commit of one shard, which differ in the index alone: an addition in decimal limbs
 * instead of a BigInt per record.
 */
export class SequenceNumberWriter {
  readonly #base = new Float64Array(LIMBS)
  readonly #digits: Buffer
  /** What the lower limbs carried into the upper ones when these were written last; -1: they never were. */
  #carry = -1

  /**
   * `fields.index` is not looked at. `digits`: where the digits are kept, 56 bytes; who gives those of a text of its
   * own, to be copied with it, must not write to them. Default: its own.
   */
  constructor(
    fields: Omit<SequenceNumberFields, 'index'>,
    digits: Buffer = Buffer.allocUnsafe(SEQUENCE_NUMBER_DIGITS),
  ) {
    this.#digits = digits
    writeBaseLimbs(fields, this.#base)
  }

  /**
   * From now on the numbers of another commit or shard. Two arrays less for each of the many shards that a request
   * touches: the row `wide` pays for it.
   */
  moveTo(fields: Omit<SequenceNumberFields, 'index'>): void {
    writeBaseLimbs(fields, this.#base)
    this.#carry = -1
  }

  /** Writes the 56 digits of record `index` as ASCII at `at`. Returns where they end. */
  write(target: Uint8Array, at: number, index: number): number {
    this.moveToIndex(index)
    target.set(this.#digits, at)
    return at + SEQUENCE_NUMBER_DIGITS
  }

  text(index: number): string {
    this.moveToIndex(index)
    return this.#digits.toString('latin1')
  }

  /** Makes the digits those of record `index`. */
  moveToIndex(index: number): void {
    const digits = this.#digits
    let carry = 0
    let at = SEQUENCE_NUMBER_DIGITS
    for (let limb = 0; limb < LIMBS; limb++) {
      if (limb === STEP_LIMBS) {
        // The upper limbs change with the carry alone: for most records they already stand there.
        if (carry === this.#carry) return
        this.#carry = carry
      }
      // At most 65535 × 10^7: exact in a double.
      const sum = (this.#base[limb] ?? 0) + (limb < STEP_LIMBS ? index * (stepLimbs[limb] ?? 0) : 0) + carry
      carry = Math.floor(sum / LIMB)
      let rest = (sum - carry * LIMB) | 0
      for (let digit = 0; digit < LIMB_DIGITS; digit++) {
        const tenth = (rest / 10) | 0
        digits[--at] = 0x30 + rest - tenth * 10
        rest = tenth
      }
    }
  }
}
