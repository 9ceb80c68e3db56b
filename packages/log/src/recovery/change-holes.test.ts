/**
 * Commits that cannot be read and may have changed what the log knows beside its records: the metadata, or that a ledger
 * was opened or closed. Where one was lost nothing is stored on top, and where none was the log goes on.
 */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../disk.ts'
import { decodeCommitHeader, type DecodedHeader } from '../format/commit-format.ts'
import { PAGE_BYTES } from '../limits.ts'
import { Log } from '../log.ts'
import { ListMetadata, NO_DEADLINE, openHarness, part, SMALL_SEGMENT_BYTES } from '../testing/log-harness.ts'
import { refusingDisk } from '../testing/refusing-disk.ts'
import type { SimulatedDisk } from '../testing/simulated-disk.ts'

const PATH = 'log/0000000001.seg'

interface Place {
  readonly header: DecodedHeader
  readonly offset: number
}

/** Wherever a commit begins, former ones behind the last one, too. */
function commitsOf(disk: SimulatedDisk): readonly Place[] {
  const bytes = disk.peek(PATH)
  const found: Place[] = []
  for (let offset = PAGE_BYTES; offset + PAGE_BYTES <= bytes.length; offset += PAGE_BYTES) {
    const header = decodeCommitHeader(bytes, offset)
    if (header !== undefined) found.push({ header, offset })
  }
  return found
}

function placeOf(disk: SimulatedDisk, commit: number, epoch: number): Place {
  const found = commitsOf(disk).find(({ header }) => header.commit === commit && header.epoch === epoch)
  if (found === undefined) throw new Error(`there is no commit ${commit}`)
  return found
}

/** Puts `pages` pages of `from` in the place of those of `disk`; zeros where there is none. */
function overwrite(disk: SimulatedDisk, offset: number, pages: number, from?: Uint8Array): void {
  const [bytes, end] = [disk.peek(PATH).slice(), offset + pages * PAGE_BYTES]
  bytes.set(from?.subarray(offset, end) ?? new Uint8Array(pages * PAGE_BYTES), offset)
  disk.poke(PATH, bytes)
}

function killed(disk: SimulatedDisk): SimulatedDisk {
  const left = disk.crash('all-kept', seededRandom(1))
  disk.halt()
  return left
}

/** A log of ledger 1, with a change of the metadata. */
async function begun(durability: 'fsync' | 'os' = 'fsync'): Promise<Awaited<ReturnType<typeof openHarness>>> {
  const harness = await openHarness({ durability })
  await harness.log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  await harness.log.appendMetadata(new TextEncoder().encode('a change'), NO_DEADLINE)
  return harness
}

/** Each a commit of its own; the number of the last. */
async function append(log: Log, ...texts: readonly string[]): Promise<number> {
  let commit = 0
  for (const text of texts) {
    const [result] = await log.append([part(1, text)], NO_DEADLINE)
    commit = result?.runs[0]?.commit ?? 0
  }
  return commit
}

function open(disk: Disk): Promise<Log> {
  return Log.open({
    disk,
    clock: new VirtualClock(),
    random: seededRandom(2),
    metadata: new ListMetadata(),
    durability: 'fsync',
    segmentBytes: SMALL_SEGMENT_BYTES,
  })
}

describe('a commit that cannot be read', () => {
  it.each(['close', 'open'] as const)('may hold the %s of a ledger: nothing is stored on top', async (what) => {
    const { log, disk } = await begun()
    const before = await append(log, 'one')
    if (what === 'close') await log.closeLedgers([1], NO_DEADLINE)
    else await log.openLedgers([{ ledger: 2, notBeforeMs: 0 }], NO_DEADLINE)
    await log.openLedgers([{ ledger: 3, notBeforeMs: 0 }], NO_DEADLINE)
    const left = killed(disk)
    const { offset } = placeOf(left, before + 1, 1)
    const again = await open(refusingDisk(left, (path, page) => path === PATH && page === offset))
    expect(again.health()).toMatchObject({ writable: false })
    const [refused] = await again.append([part(1, 'more')], NO_DEADLINE)
    expect(refused?.failure).toBe('unavailable')
    await again.close()
    const mended = await open(left)
    expect(mended.health()).toEqual({ writable: true, damage: [] })
    expect(mended.stateOf(1)).toBe(what === 'close' ? 'closed' : 'open')
    expect(mended.stateOf(2)).toBe(what === 'close' ? undefined : 'open')
    await mended.close()
  })

  it('held no change, as one tells that was torn and proves it', async () => {
    const { log, disk } = await begun()
    const last = await append(log, 'one', 'two', 'x'.repeat(9_000))
    const left = killed(disk)
    overwrite(left, placeOf(left, last, 1).offset + PAGE_BYTES, 2)
    overwrite(left, placeOf(left, last - 1, 1).offset, 1)
    const again = await open(left)
    expect(again.health()).toMatchObject({
      writable: true,
      damage: [{ reason: expect.stringContaining(`commits ${last - 1} to ${last - 1} cannot be read`) }],
    })
    await again.close()
  })

  it('held a change, although a commit of an earlier opening in its place tells otherwise', async () => {
    const { log, disk } = await begun('os')
    const torn = (await append(log, '4', '5', '6', '7')) - 3
    const first = killed(disk)
    const former = first.peek(PATH).slice()
    overwrite(first, placeOf(first, torn, 1).offset, 1)
    const second = await open(first)
    await second.appendMetadata(new TextEncoder().encode('y'.repeat(5_000)), NO_DEADLINE)
    await append(second, 'a', 'b', 'c')
    const left = killed(first)
    // What the drive says it wrote and did not.
    const { offset } = placeOf(left, torn + 1, 2)
    overwrite(left, offset, 2, former)
    expect(commitsOf(left).map(({ header }) => header.epoch)).toContain(1)
    const third = await open(left)
    expect(third.health()).toMatchObject({ writable: false, reason: expect.stringContaining('metadata is lost') })
    await third.close()
  })
})
