/**
 * The one way this house rolls dice. Secrets come from `systemRandom`; simulations hand in a seeded one, and the
 * whole run replays from its seed.
 */
import { randomFillSync } from 'node:crypto'

export interface Random {
  /** A number in [0, 1). */
  float(): number
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

const floatSource = new Uint32Array(2)

/** Cryptographically strong; safe for keys, salts and tokens. */
export const systemRandom: Random = {
  float() {
    randomFillSync(floatSource)
    return ((floatSource[0] ?? 0) >>> 5) / 2 ** 27
  },
  bytes: (length) => randomFillSync(new Uint8Array(length)),
}

/** A whole number in [0, bound). `bound` must be at least 1. */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.float() * bound)
}
