/** What belongs to the log at a place, told one by one: where two of these agree no crash shows that one is missing. */
import { expect, it } from 'vitest'
import { CommitReader, type Expectation } from './commit-reader.ts'
import { viewOf } from './format/bytes.ts'
import { COMMIT_HEADER_BYTES, type CommitHeader, encodeCommitHeader } from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import { PAGE_BYTES } from './limits.ts'
import { openHarness } from './testing/log-harness.ts'

const HEADER: CommitHeader = {
  version: 2,
  flags: 0,
  commit: 7,
  durable: 6,
  epoch: 3,
  previousCrc: 11,
  bodyBytes: 0,
  frames: 0,
  timeMs: 1,
  salt: 5n,
  directoryCrc: crc32(new Uint8Array(0)),
}
const EXPECTED: Expectation = { salt: 5n, commit: 7, previousCrc: 11, epoch: 3 }

/** A reader of a file with an empty commit in its first page. */
async function readerOf(header: CommitHeader): Promise<CommitReader> {
  const { disk } = await openHarness()
  const file = await disk.create('log/one')
  const page = new Uint8Array(PAGE_BYTES)
  encodeCommitHeader(header, page.subarray(0, COMMIT_HEADER_BYTES), viewOf(page), 0)
  await file.write(page, 0)
  return new CommitReader(file, PAGE_BYTES)
}

const FOREIGN: readonly (readonly [reason: string, header: Partial<CommitHeader>])[] = [
  ['a commit of another use of this file', { salt: 6n }],
  ['commit 8 where 7 should be', { commit: 8 }],
  ['the chain does not lead here from the commit before', { previousCrc: 12 }],
  ['a commit of an earlier opening', { epoch: 2 }],
  ['a commit that claims to be durable before it was written', { durable: 7 }],
]

it.each(FOREIGN)('%s is no part of the log', async (reason, header) => {
  const reader = await readerOf({ ...HEADER, ...header })
  expect(await reader.judge(0, EXPECTED)).toEqual({ kind: 'none', reason })
})

it('a commit of this opening or a later one is, and one whose chain or salt nobody knows', async () => {
  const reader = await readerOf(HEADER)
  const expectations = [EXPECTED, { ...EXPECTED, epoch: 2 }, { ...EXPECTED, previousCrc: undefined, salt: undefined }]
  for (const expected of expectations) expect(await reader.judge(0, expected)).toMatchObject({ kind: 'whole' })
})
