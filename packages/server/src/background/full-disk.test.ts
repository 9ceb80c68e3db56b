/** What the service still does on a full disk, whatever was asked of it before; and that retention alone brings it back. */
import { SimulatedDisk } from '@millrace/log/testing'
import { AddTagsToStream, CreateStream, DeleteStream, PutRecord } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'

import { openEmbeddedEngine } from '../engine/embedded/embedded-engine.ts'
import { idle, ServiceHarness } from '../testing/service-harness.ts'

const MIB = 2 ** 20
const SEGMENT_BYTES = MIB
const RECORD_BYTES = 50_000
const HOUR_MS = 3_600_000
/** More than the reserve has pages. */
const TRIES = 100
const BACK_MS = 10_000

type Test = (harness: ServiceHarness, put: (stream: string, bytes?: number) => Promise<boolean>) => Promise<void>

const emptyDisk = (): SimulatedDisk => new SimulatedDisk({ random: seededRandom(1), capacityBytes: 12 * MIB })

/** One life of a service, closed in the end. */
async function serve(disk: SimulatedDisk, clock: VirtualClock, test: Test): Promise<void> {
  await using engine = await openEmbeddedEngine({
    storage: { disk },
    clock,
    random: seededRandom(2),
    durability: 'fsync',
    segmentBytes: SEGMENT_BYTES,
    freeBytesMin: 2 * MIB,
  })
  await using harness = await ServiceHarness.open({ clock, wrap: () => engine })
  await test(harness, async (StreamName, bytes = RECORD_BYTES) => {
    const input = { StreamName, PartitionKey: 'k', Data: new Uint8Array(bytes) }
    return await harness.call(PutRecord, input).then(
      () => true,
      () => false,
    )
  })
}

const fill: Test = async (harness, put) => {
  for (const StreamName of ['old', 'kept']) await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  for (let i = 0; i < (2 * SEGMENT_BYTES) / RECORD_BYTES; i++) expect(await put('old')).toBe(true)
  for (const bytes of [RECORD_BYTES, 1]) {
    for (let refused = 0; refused < 3;) {
      if (await put('kept', bytes)) continue
      refused++
      harness.clock.advance(1_000)
      await idle()
    }
  }
}

async function onFullDisk(test: Test): Promise<void> {
  await serve(emptyDisk(), new VirtualClock(), async (harness, put) => {
    await fill(harness, put)
    await test(harness, put)
  })
}

async function becomes(harness: ServiceHarness, isSo: () => Promise<boolean>): Promise<void> {
  for (let passedMs = 0; !(await isSo()); passedMs += 100) {
    expect(passedMs).toBeLessThan(BACK_MS)
    harness.clock.advance(100)
    await idle()
  }
}

it('deletes a stream on a full disk, whatever was asked for before, and takes puts again', async () => {
  await onFullDisk(async (harness, put) => {
    const tag = (n: number) =>
      harness.call(AddTagsToStream, { StreamName: 'kept', Tags: { n: String(n) } }).then(
        () => true,
        () => false,
      )
    const answers: boolean[] = []
    for (let n = 0; n < TRIES; n++) answers.push(await tag(n))
    expect([answers[0], answers.at(-1)]).toEqual([true, false])
    await harness.call(DeleteStream, { StreamName: 'old' })
    await becomes(harness, () => put('kept'))
    expect(await tag(TRIES)).toBe(true)
  })
})

it('comes back from a full disk by retention alone, after hours', async () => {
  await onFullDisk(async (harness, put) => {
    await harness.advance(23 * HOUR_MS, 60_000)
    expect(await put('kept')).toBe(false)
    await harness.advance(2 * HOUR_MS, 60_000)
    expect(await put('kept')).toBe(true)
  })
})

it('is started any number of times on a full disk, closed or killed, and then deletes a stream and takes puts again', async () => {
  const clock = new VirtualClock()
  let disk = emptyDisk()
  await serve(disk, clock, fill)
  for (let start = 0; start < TRIES; start++) {
    await serve(disk, clock, async (harness, put) => {
      // What it does in the first seconds.
      await harness.advance(2_000, 1_000)
      expect(await put('kept')).toBe(false)
      if (start % 2 === 0) disk = disk.crash('kill', seededRandom(start))
    })
  }
  await serve(disk, clock, async (harness, put) => {
    await harness.call(DeleteStream, { StreamName: 'old' })
    await becomes(harness, () => put('kept'))
  })
})
