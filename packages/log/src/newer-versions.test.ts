/** What a later version of the program wrote is refused by the name of the file, the version found and the one known. */
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { decodeCommitHeader, encodeCommitHeader } from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import { SEGMENT_VERSION } from './format/segment-header.ts'
import { SNAPSHOT_VERSION } from './format/snapshot-format.ts'
import { PAGE_BYTES } from './limits.ts'
import { Log } from './log.ts'
import { ListMetadata, NO_DEADLINE, openHarness, part } from './testing/log-harness.ts'
import type { SimulatedDisk } from './testing/simulated-disk.ts'

async function logged(isClosed: boolean): Promise<SimulatedDisk> {
  const { log, disk } = await openHarness()
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  await log.appendMetadata(new TextEncoder().encode('a change'), NO_DEADLINE)
  await log.append([part(1, 'a record')], NO_DEADLINE)
  if (isClosed) await log.close()
  const left = disk.crash('kill', seededRandom(1))
  disk.halt()
  return left
}

async function opened(disk: SimulatedDisk, metadata = new ListMetadata()): Promise<Log> {
  return await Log.open({ disk, clock: new VirtualClock(), random: seededRandom(2), metadata, durability: 'fsync' })
}

function pathOf(disk: SimulatedDisk, ending: string): string {
  return disk.paths().find((path) => path.endsWith(ending)) as string
}

it('a snapshot', async () => {
  const disk = await logged(true)
  const path = pathOf(disk, '.snap')
  const bytes = disk.peek(path).slice()
  const view = new DataView(bytes.buffer)
  view.setUint16(8, SNAPSHOT_VERSION + 1, true)
  view.setUint32(PAGE_BYTES - 4, crc32(bytes, 0, PAGE_BYTES - 4), true)
  disk.poke(path, bytes)
  await expect(opened(disk)).rejects.toMatchObject({
    code: 'newer-version',
    message: expect.stringContaining(
      `${path}: this snapshot has format version ${SNAPSHOT_VERSION + 1}, this program knows ${SNAPSHOT_VERSION}`,
    ),
  })
})

it.each([true, false])('metadata, in a snapshot (%s) or in a commit', async (isClosed) => {
  const disk = await logged(isClosed)
  const metadata = new ListMetadata()
  const refuse = (): void => {
    throw new Error('metadata of format 2; this version reads 1')
  }
  Object.assign(metadata, isClosed ? { restore: refuse } : { apply: refuse })
  const place = isClosed ? pathOf(disk, '.snap') : `${pathOf(disk, '.seg')}: commit`
  await expect(opened(disk, metadata)).rejects.toThrow(
    new RegExp(`^${place}.*: metadata of format 2; this version reads 1$`),
  )
})

it('a commit', async () => {
  const disk = await logged(false)
  const path = pathOf(disk, '.seg')
  const bytes = disk.peek(path).slice()
  const header = decodeCommitHeader(bytes, PAGE_BYTES)
  if (header === undefined) throw new Error('the first commit stands there')
  const newer = { ...header, version: SEGMENT_VERSION + 1 }
  encodeCommitHeader(newer, bytes, new DataView(bytes.buffer), PAGE_BYTES)
  disk.poke(path, bytes)
  await expect(opened(disk)).rejects.toMatchObject({
    code: 'newer-version',
    message: expect.stringContaining(
      `${path}: the commit at offset ${PAGE_BYTES} has format version ${SEGMENT_VERSION + 1}, ` +
        `this program knows ${SEGMENT_VERSION}`,
    ),
  })
})
