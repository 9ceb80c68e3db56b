/** Bugs planted in what tells bytes of the log from all others: checksums of its files, and what one commit says of another. */
import type { Mutant, Suite } from './mutant.ts'

const READER: Suite = { project: 'units', files: ['log/src/commit-reader.test.ts'] }
const SNAPSHOT: Suite = { project: 'units', files: ['log/src/format/snapshot-format.test.ts'] }

export const FORMAT_MUTANTS: readonly Mutant[] = [
  {
    name: 'commit-chain-unchecked',
    mechanism: 'a commit belongs to the log only where the chain leads from the one before',
    file: 'packages/log/src/commit-reader.ts',
    find: 'if (expected.previousCrc !== undefined && header.previousCrc !== expected.previousCrc) {',
    replace: 'if (expected.commit < 0) {',
    suite: READER,
  },
  {
    name: 'commit-epoch-unchecked',
    mechanism: 'a commit of an earlier opening is none of a later one',
    file: 'packages/log/src/commit-reader.ts',
    find: "if (header.epoch < expected.epoch) return 'a commit of an earlier opening'",
    replace: '',
    suite: READER,
  },
  {
    name: 'segment-header-unchecked',
    mechanism: "the checksum of a segment's header",
    file: 'packages/log/src/format/segment-header.ts',
    find: "if (crc32(page, 0, OFFSET_CRC) !== view.getUint32(OFFSET_CRC, true)) return { kind: 'invalid' }",
    replace: '',
    suite: { project: 'units', files: ['log/src/format/segment-header.test.ts'] },
  },
  {
    name: 'snapshot-head-unchecked',
    mechanism: 'the checksum of the first page of a snapshot',
    file: 'packages/log/src/format/snapshot-format.ts',
    find: "if (crc32(bytes, 0, OFFSET_CRC) !== view.getUint32(OFFSET_CRC, true)) return { kind: 'invalid' }",
    replace: '',
    suite: SNAPSHOT,
  },
  {
    name: 'snapshot-ledgers-unchecked',
    mechanism: 'the checksum of the ledgers of a snapshot',
    file: 'packages/log/src/format/snapshot-format.ts',
    find: 'crc32(bytes, PAGE_BYTES, freedAt) !== view.getUint32(64, true)',
    replace: 'PAGE_BYTES > freedAt',
    suite: SNAPSHOT,
  },
  {
    name: 'snapshot-freed-unchecked',
    mechanism: 'the checksum of the freed segments of a snapshot',
    file: 'packages/log/src/format/snapshot-format.ts',
    find: 'crc32(bytes, freedAt, groupedAt) !== view.getUint32(68, true)',
    replace: 'freedAt > groupedAt',
    suite: SNAPSHOT,
  },
  {
    name: 'snapshot-grouped-unchecked',
    mechanism: 'the checksum of the regrouped segments of a snapshot',
    file: 'packages/log/src/format/snapshot-format.ts',
    find: 'crc32(bytes, groupedAt, metadataAt) !== view.getUint32(80, true)',
    replace: 'groupedAt > metadataAt',
    suite: SNAPSHOT,
  },
  {
    name: 'manifest-unchecked',
    mechanism: 'the checksum of the manifest of a backup',
    file: 'packages/log/src/backup/manifest.ts',
    find: 'checksum !== checksumOf(manifest) ||',
    replace: '',
    suite: { project: 'units', files: ['log/src/backup/manifest.test.ts'] },
  },
]
