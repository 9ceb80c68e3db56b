/** What kind of world a seed makes: decided once, before anything happens in it. */
import type { Codec } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import type { ServiceSettings } from './server-parts.ts'

const KIB = 1024

export interface Plan {
  /** `disk`: one server, the embedded engine on a disk. `shared`: two servers on the model, one of which is deaf. */
  readonly engine: 'disk' | 'shared'
  readonly segmentBytes: number
  readonly settings: ServiceSettings
  readonly handlingMs: number
  readonly codecs: readonly Codec[]
  /** Chance that an answer does not reach its client. */
  readonly lossChance: number
  /** Chance that a life ends at some operation of the disk, and that one has a fault in it. */
  readonly crashChance: number
  readonly faultChance: number
  /** Ms that the wall clock gains on the true one in each second. */
  readonly driftMs: number
  /** Days go by, and retentions change. */
  readonly isSlow: boolean
  readonly streams: readonly string[]
  /** UpdateShardCount is called too. */
  readonly scales: boolean
  /** So is UpdateStreamMode: shards of on-demand streams are split behind everybody's back. */
  readonly changesModes: boolean
}

/** From this seed on worlds scale: those below go on being the worlds that they were. */
export const SCALING_SEEDS_FROM = 4_000_000
/** The same for changes of mode. */
export const MODE_SEEDS_FROM = 5_000_000

export function drawPlan(random: Random, seed: number): Plan {
  const engine = random.float() < 0.12 ? 'shared' : 'disk'
  const isLimited = random.float() < 0.2
  const isSlow = random.float() < 0.25
  return {
    engine,
    // Small ones are rewritten by retention class before a world ends.
    segmentBytes: isSlow ? 64 * KIB : ([64 * KIB, 64 * KIB, 128 * KIB, 256 * KIB][randomBelow(random, 4)] ?? 64 * KIB),
    settings: {
      shardLimits: isLimited ? { writeRecords: 8, writeBytes: 2 * KIB, reads: 5 } : 'off',
      statusDelayMs: random.float() < 0.2 ? 500 + randomBelow(random, 3_000) : 0,
      quotas: { shards: 40, onDemandShards: 6 },
    },
    handlingMs: random.float() < 0.1 ? 1_500 : 20_000,
    codecs: ([['json'], ['cbor'], ['json', 'cbor']] as const)[randomBelow(random, 3)] ?? ['json'],
    lossChance: [0, 0.03, 0.1][randomBelow(random, 3)] ?? 0,
    crashChance: [0.3, 0.8, 0.95][randomBelow(random, 3)] ?? 0.8,
    faultChance: random.float() < 0.3 ? 0.4 : 0,
    driftMs: random.float() < 0.2 ? random.float() * 4 - 2 : 0,
    isSlow,
    streams: random.float() < 0.6 ? ['s'] : ['s', 't'],
    scales: seed >= SCALING_SEEDS_FROM,
    changesModes: seed >= MODE_SEEDS_FROM,
  }
}
