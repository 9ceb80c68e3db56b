import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DirectoryInUseError,
  type Disk,
  NodeDisk,
  PART_BYTES_MAX as LOG_PART_BYTES_MAX,
  PART_RECORDS_MAX as LOG_PART_RECORDS_MAX,
} from '@millrace/log'
import { SimulatedDisk } from '@millrace/log/testing'
import { systemClock, systemRandom } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { GatedDisk } from '../contract/gated-disk.contract.ts'
import {
  type EngineHarness,
  type HarnessWish,
  largePart,
  later,
  part,
  provision,
  readAll,
  textsOf,
} from '../contract/harness.contract.ts'
import { describeEngine } from '../engine.contract.ts'
import { PART_BYTES_MAX, PART_RECORDS_MAX } from '../engine.ts'
import { openEmbeddedEngine } from './embedded-engine.ts'

/** Small, so that a test fills, seals and recycles several. */
const SEGMENT_BYTES = 4 * 1024 * 1024
/** A record is at most half a segment. */
const LARGE_SEGMENT_BYTES = 24 * 1024 * 1024

interface OpenOn extends HarnessWish {
  readonly cleanUp?: () => Promise<void>
}

async function openOn(disk: Disk, wish: OpenOn = {}): Promise<EngineHarness> {
  const clock = new VirtualClock()
  const segmentBytes = wish.largeRecords === true ? LARGE_SEGMENT_BYTES : SEGMENT_BYTES
  const gated = new GatedDisk(disk)
  const random = seededRandom(7)
  const open = () => {
    const storage = { disk: gated }
    return openEmbeddedEngine({ storage, clock, random, durability: 'fsync', segmentBytes })
  }
  const harnessOf = async (): Promise<EngineHarness> => {
    const engine = await open()
    return {
      engine,
      clock,
      holdSyncs: () => gated.holdSyncs(),
      async reopen() {
        await engine.close()
        return harnessOf()
      },
      async dispose() {
        await engine.close()
        await wish.cleanUp?.()
      },
    }
  }
  return harnessOf()
}

describeEngine(
  'embedded engine on a simulated disk',
  (wish) => openOn(new SimulatedDisk({ random: seededRandom(1) }), wish),
  { durable: true, modelRuns: 60 },
)

describeEngine(
  'embedded engine on a real disk',
  async (wish) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-engine-'))
    const disk = await NodeDisk.open(directory)
    const cleanUp = async (): Promise<void> => {
      await disk.close()
      await rm(directory, { recursive: true })
    }
    return openOn(disk, { ...wish, cleanUp })
  },
  { durable: true, modelRuns: 25 },
)

describe('openEmbeddedEngine on a directory', () => {
  const inDirectory = (test: (directory: string) => Promise<void>) => async (): Promise<void> => {
    const parent = await mkdtemp(join(tmpdir(), 'millrace-engine-'))
    try {
      await test(join(parent, 'data'))
    } finally {
      await rm(parent, { recursive: true })
    }
  }
  const open = (directory: string) => {
    return openEmbeddedEngine({
      storage: { directory },
      clock: systemClock,
      random: systemRandom,
      durability: 'fsync',
      segmentBytes: SEGMENT_BYTES,
    })
  }
  const options = { deadlineMs: Number.MAX_SAFE_INTEGER }

  it(
    'makes the directory, and lets nobody else in until it is closed',
    inDirectory(async (directory) => {
      const engine = await open(directory)
      await expect(open(directory)).rejects.toThrow(DirectoryInUseError)
      await engine.close()
      const again = await open(directory)
      await again.close()
    }),
  )

  it(
    'keeps what it acknowledged for the next process',
    inDirectory(async (directory) => {
      const first = await open(directory)
      await first.shards.provision([{ shard: 1, notBeforeMs: 0 }], options)
      const [result] = await first.shards.append([part(1, 'kept')], options)
      await first.meta.cas([{ key: 'k', value: Uint8Array.of(1), expect: 0 }], options)
      await first.close()
      const second = await open(directory)
      expect(await second.shards.seekTime(1, 0)).toEqual({ commit: result?.runs[0]?.commit, index: 0 })
      expect(await second.meta.get('k')).toMatchObject({ value: Uint8Array.of(1) })
      await second.close()
    }),
  )
})

describe('embedded engine: a failing disk', () => {
  it('answers `unknown` for what was in flight and `unavailable` after, and goes on reading', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(3) })
    const harness = await openOn(disk)
    const { shards, meta } = harness.engine
    await shards.provision([{ shard: 1, notBeforeMs: 0 }], later(harness))
    await shards.append([part(1, 'durable')], later(harness))
    disk.faults = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
    const [inFlight] = await shards.append([part(1, 'lost?')], later(harness))
    expect(inFlight).toEqual({ runs: [], failure: 'unknown' })
    disk.faults = undefined
    const [after] = await shards.append([part(1, 'late')], later(harness))
    expect(after).toEqual({ runs: [], failure: 'unavailable' })
    const change = { key: 'k', value: Uint8Array.of(1), expect: 0 }
    await expect(meta.cas([change], later(harness))).rejects.toMatchObject({ code: 'unavailable' })
    expect(harness.engine.health().writable).toBe(false)
    expect(await textsOf(harness, 1)).toEqual(['durable'])
  })
})

describe('embedded engine: a full disk', () => {
  it('refuses records with `no-space`, still writes metadata and drops, and takes records again once there is room', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(5), capacityBytes: 5 * SEGMENT_BYTES })
    const harness = await openOn(disk)
    const { shards, meta } = harness.engine
    await provision(harness, 1, 2)
    const put = async (shard: number, bytes: number): Promise<string | undefined> => {
      return (await shards.append([largePart(shard, bytes)], later(harness)))[0]?.failure
    }
    let stored = 0
    // Large ones first; then small ones take what is left.
    for (const bytes of [PART_BYTES_MAX - 8, 100]) {
      let failure = await put(1, bytes)
      for (; failure === undefined; failure = await put(1, bytes)) stored++
      expect(failure).toBe('no-space')
    }
    expect(stored).toBeGreaterThan(10)
    expect(harness.engine.health()).toMatchObject({ writable: false })
    const change = { key: 'k', value: Uint8Array.of(1), expect: 0 }
    expect(await meta.cas([change], later(harness))).toMatchObject({ ok: true })
    expect((await readAll(harness, 1)).records).toHaveLength(stored)
    await shards.drop([1], later(harness))
    await expect
      .poll(
        () => {
          harness.clock.advance(1000)
          return put(2, PART_BYTES_MAX - 8)
        },
        { interval: 5, timeout: 20_000 },
      )
      .toBeUndefined()
    expect(harness.engine.health()).toEqual({ writable: true, damage: [] })
    await harness.dispose()
  })
})

describe('embedded engine: bounds', () => {
  it('agrees with the log on how large a part may be', () => {
    expect([PART_BYTES_MAX, PART_RECORDS_MAX]).toEqual([LOG_PART_BYTES_MAX, LOG_PART_RECORDS_MAX])
  })
})
