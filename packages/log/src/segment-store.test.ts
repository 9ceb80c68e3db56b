import { silentLogger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { KIB, PAGE_BYTES } from './limits.ts'
import { type Room, SegmentStore } from './segment-store.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

const SEGMENT_BYTES = 256 * KIB

it.each([
  ['a full disk', SEGMENT_BYTES],
  ['a disk with room for one segment more', 2 * SEGMENT_BYTES],
])('a page is left for the proof of the last commit, whatever was written (%s)', async (_, capacityBytes) => {
  const disk = new SimulatedDisk({ random: seededRandom(1), capacityBytes })
  for (const directory of ['log', 'spare']) await disk.makeDirectory(directory)
  const store = new SegmentStore(
    {
      disk,
      clock: new VirtualClock(),
      random: seededRandom(2),
      logger: silentLogger,
      allocate: (bytes) => new Uint8Array(bytes),
      logId: new Uint8Array(16),
      segmentBytes: SEGMENT_BYTES,
      segmentVersion: 2,
      freeBytesMin: 0,
      bytesMax: Number.POSITIVE_INFINITY,
      snapshotBytes: () => 0,
      onSpace: () => undefined,
      onFailure: () => undefined,
    },
    [],
  )
  await store.open(false, [], 0)
  let commit = 0
  let room: Room = store.room()
  for (; room.log >= PAGE_BYTES; room = store.room()) {
    store.place(room.log, ++commit, 0)
    store.hurry()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(room).toMatchObject({ shortage: 'no-space', proof: PAGE_BYTES })
  await store.close()
})
