import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { COMMIT_HEADER_BYTES, FRAME_BYTES } from '../format/commit-format.ts'
import { PAGE_BYTES } from '../limits.ts'
import { NO_DEADLINE, openHarness, readAll, textOf } from '../testing/log-harness.ts'

const SEGMENT = 'log/0000000001.seg'
/** What stands before the payload in the first page of a commit of one frame. */
const AHEAD_BYTES = COMMIT_HEADER_BYTES + FRAME_BYTES

/**
 * A record that has at its second page a copy of the first commit of its own segment, as a copy of the file has; the
 * power fails, and of all its pages that one has not arrived: there stands what the file held before, the page of another commit.
 */
describe('a record with a copy of a commit in it, torn over an older commit', () => {
  const cases = [
    ['ends with the header', PAGE_BYTES - AHEAD_BYTES + COMMIT_HEADER_BYTES],
    ['goes on for pages', 3 * PAGE_BYTES],
  ] as const
  it.each(cases)('is not taken for whole where it %s', async (_where, length) => {
    const { log, disk } = await openHarness()
    const opening = disk.peek(SEGMENT).slice(PAGE_BYTES, PAGE_BYTES + COMMIT_HEADER_BYTES)
    await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
    // The two commits so far have a page each.
    const at = 3 * PAGE_BYTES
    const bytes = new Uint8Array(length).fill(46)
    bytes.set(opening, PAGE_BYTES - AHEAD_BYTES)
    await log.append([{ ledger: 1, records: 1, bytes }], NO_DEADLINE)
    const torn = disk.crash('all-kept', seededRandom(1))
    disk.halt()

    const segment = torn.peek(SEGMENT)
    const second = at + PAGE_BYTES
    expect(segment.subarray(second, second + COMMIT_HEADER_BYTES)).toEqual(opening)
    segment.copyWithin(second, 2 * PAGE_BYTES, 2 * PAGE_BYTES + COMMIT_HEADER_BYTES)
    torn.poke(SEGMENT, segment)

    const again = await openHarness({ disk: torn, seed: 2 })
    expect(again.log.health()).toEqual({ writable: true, damage: [] })
    expect(textOf(await readAll(again.log, 1))).toBe('')
    await again.log.close()
  })
})
