import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ACCEPTED_LOSSES_FILE, acceptLosses, isAccepted, readAcceptedLosses } from './accepted-losses.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-accepted-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const loss = (shard: number, fromCommit: number, toCommit = fromCommit) => ({
  shard,
  fromCommit,
  toCommit,
  acceptedMs: 1,
})

it('are none where there is no file, and add up', async () => {
  expect(await readAcceptedLosses(folder)).toEqual([])
  await acceptLosses(folder, [loss(1, 5)])
  await acceptLosses(folder, [loss(2, 7, 9)])
  expect(await readAcceptedLosses(folder)).toEqual([loss(1, 5), loss(2, 7, 9)])
})

it('that are not whole, or of a later version, are refused by the name of the file', async () => {
  const path = join(folder, ACCEPTED_LOSSES_FILE)
  await acceptLosses(folder, [loss(1, 5)])
  const text = await readFile(path, 'utf8')
  for (const [changed, words] of [
    [text.replace('5', '6'), 'fails its checksum'],
    [text.slice(0, -4), 'is not JSON'],
    [text.replace('"version": 1', '"version": 2'), 'format version 2, this program knows 1'],
    // JSON, and nothing of what stands in such a file.
    ['null', 'fails its checksum'],
    ['{}', 'fails its checksum'],
    [JSON.stringify({ version: 1, losses: 5, crc32: crc32('5') }), 'fails its checksum'],
    [JSON.stringify({ version: 1, losses: [null], crc32: crc32('[null]') }), 'fails its checksum'],
  ] as const) {
    await writeFile(path, changed)
    const reading = readAcceptedLosses(folder)
    await expect(reading).rejects.toThrow(path)
    await expect(reading).rejects.toThrow(words)
  }
})

it('cover what lies in them, of their shard, and nothing beyond', () => {
  const losses = [loss(1, 5, 6)]
  const range = (from: number, to: number, index = 0) => ({
    from: { commit: from, index: 0 },
    to: { commit: to, index },
  })
  expect(isAccepted(losses, 1, range(5, 7))).toBe(true)
  expect(isAccepted(losses, 1, range(6, 6, 3))).toBe(true)
  expect(isAccepted(losses, 1, range(5, 7, 1))).toBe(false)
  expect(isAccepted(losses, 1, range(4, 6))).toBe(false)
  expect(isAccepted(losses, 2, range(5, 7))).toBe(false)
})
