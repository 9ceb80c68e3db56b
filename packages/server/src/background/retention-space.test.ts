/**
 * Streams kept for a day beside one kept for a year, in the same log: what was kept for a day gives its space back.
 * The service decides what is due, the log rewrites what is mixed (docs/decisions/048-regrouping.md).
 */
import { SimulatedDisk } from '@millrace/log/testing'
import { CreateStream, IncreaseStreamRetentionPeriod, PutRecords } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'

import { openEmbeddedEngine } from '../engine/embedded/embedded-engine.ts'
import { idle, ServiceHarness } from '../testing/service-harness.ts'
import { readStream } from '../testing/whole-stream.ts'

const HOUR_MS = 3_600_000
const SEGMENT_BYTES = 64 * 1024
const DAYS = 12
const PUTS_A_DAY = 48
const DAILY_STREAMS = ['clicks', 'views', 'logs']
const DAILY_BYTES = 2_500
const YEAR_BYTES = 750

it('a stream of 8,760 h does not hold the space of the streams of 24 h beside it', async () => {
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  await using engine = await openEmbeddedEngine({
    storage: { disk },
    clock,
    random: seededRandom(2),
    durability: 'fsync',
    segmentBytes: SEGMENT_BYTES,
    tailBytesMax: 8 * 1024,
  })
  await using harness = await ServiceHarness.open({ clock, wrap: () => engine })
  for (const StreamName of ['audit', ...DAILY_STREAMS]) await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 'audit', RetentionPeriodHours: 8_760 })

  const used = (): number =>
    disk.paths().reduce((sum, path) => sum + (path.endsWith('.seg') ? disk.peek(path).length : 0), 0)
  const put = (StreamName: string, bytes: number) =>
    harness.call(PutRecords, { StreamName, Records: [{ PartitionKey: 'k', Data: new Uint8Array(bytes) }] })

  let largest = 0
  for (let day = 0; day < DAYS; day++) {
    for (let i = 0; i < PUTS_A_DAY; i++) {
      await Promise.all([put('audit', YEAR_BYTES), ...DAILY_STREAMS.map((name) => put(name, DAILY_BYTES))])
      await harness.advance((24 * HOUR_MS) / PUTS_A_DAY, 600_000)
      largest = Math.max(largest, used())
    }
  }
  const written = DAYS * PUTS_A_DAY * (YEAR_BYTES + DAILY_STREAMS.length * DAILY_BYTES)
  const live = DAYS * PUTS_A_DAY * YEAR_BYTES + PUTS_A_DAY * DAILY_STREAMS.length * DAILY_BYTES
  // Beside it: what the older snapshot does not cover yet, the active segment, the next one and the spares.
  const bound = 2 * live + 9 * SEGMENT_BYTES
  expect(bound, 'the bound means something').toBeLessThan(written)
  for (let turn = 0; used() >= bound && turn < 300; turn++) {
    clock.advance(1_000)
    await idle()
  }
  process.stderr.write(
    `space: ${written} bytes written, ${live} live, ${used()} used (${(used() / live).toFixed(2)}), ${largest} at most\n`,
  )
  expect(used()).toBeLessThan(bound)
  const records = (await readStream(harness, 'audit')).length
  expect(records).toBe(DAYS * PUTS_A_DAY)
})
