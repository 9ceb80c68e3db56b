/** JSON documents beside the log, each with a checksum of its own: manifests of backups, and losses that were accepted. */
import { crc32 } from 'node:zlib'

import { LogError } from '@millrace/log'
import { type Random, randomBelow } from '@millrace/std'

import { decodeManifest, encodeManifest } from '../../../packages/log/src/backup/manifest.ts'
import { ConfigError } from '../../../packages/server/src/config-error.ts'
import { parseAcceptedLosses } from '../../../packages/server/src/engine/embedded/accepted-losses.ts'
import { anyTree } from '../grammar/api-tree.ts'
import { Broken, bytesOf, chance, expectSame, pick, refusedOr, type Target, textOf } from '../support/target.ts'

const COMMIT = 7
const numbers = [0, 1, COMMIT, -1, 0.5, 2 ** 53, '1', null, undefined, {}]
const paths = ['log/0000000001.seg', 'shared/a.seg', '../a', '/a', 'a/../../b', '', 'a//b', '.', 5, null]

const anyNumber = (random: Random): unknown => (chance(random, 0.8) ? randomBelow(random, 100) : pick(random, numbers))
const anyList = (random: Random, member: () => unknown): unknown =>
  chance(random, 0.9)
    ? Array.from({ length: randomBelow(random, 3) }, () => (chance(random, 0.9) ? member() : anyTree(random, 0)))
    : anyTree(random, 0)

/** The members that the checksum is of, in their order, and the checksum, which is made right in most. */
function sealed(random: Random, members: Record<string, unknown>, covered: unknown): Uint8Array {
  const checksum = chance(random, 0.9) ? crc32(JSON.stringify(covered) ?? '') : anyNumber(random)
  return bytesOf(JSON.stringify({ ...members, crc32: checksum }))
}

export const manifests: Target = {
  name: 'manifests',
  specimens: [
    encodeManifest({
      version: 1,
      createdMs: 1,
      logId: '00',
      commit: COMMIT,
      files: [{ path: 'log/0000000001.seg', stored: 'shared/a.seg', bytes: 4096, crc32: 5 }],
    }),
    bytesOf('null'),
    bytesOf('{}'),
  ],
  generate(random) {
    const version = chance(random, 0.9) ? 1 : pick(random, numbers)
    const commit = chance(random, 0.9) ? COMMIT : anyNumber(random)
    const file = () => ({
      path: pick(random, paths),
      stored: pick(random, paths),
      bytes: anyNumber(random),
      crc32: anyNumber(random),
    })
    const members = { version, createdMs: anyNumber(random), logId: '00', commit, files: anyList(random, file) }
    return sealed(random, members, members)
  },
  words: ['"version":', '"files":', '"path":', '../', 'null', '1e400'],
  executions: 20_000,
  check(input) {
    const found = refusedOr(
      () => decodeManifest(input, 'manifest.json', COMMIT),
      (error) => error instanceof LogError && ['damaged', 'newer-version'].includes(error.code),
    )
    if (found === undefined) return
    for (const { path, stored, bytes } of found.files) {
      for (const name of [path, stored]) {
        if (name.startsWith('/') || name.split('/').includes('..')) throw new Broken(`a file elsewhere: ${name}`)
      }
      if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Broken(`a file of ${bytes} bytes`)
    }
    expectSame(decodeManifest(encodeManifest(found), 'manifest.json', COMMIT), found, 'the manifest said again')
  },
}

export const acceptedLosses: Target = {
  name: 'accepted-losses',
  specimens: [
    '{"version":1,"losses":[],"crc32":223132457}',
    `{"version":1,"losses":[{"shard":1,"fromCommit":5,"toCommit":6,"acceptedMs":1}],"crc32":${crc32('[{"shard":1,"fromCommit":5,"toCommit":6,"acceptedMs":1}]')}}`,
    'null',
    '{}',
  ].map(bytesOf),
  generate(random) {
    const loss = () => ({
      shard: anyNumber(random),
      fromCommit: anyNumber(random),
      toCommit: anyNumber(random),
      acceptedMs: anyNumber(random),
    })
    const losses = anyList(random, loss)
    return sealed(random, { version: chance(random, 0.9) ? 1 : pick(random, numbers), losses }, losses)
  },
  words: ['"version":', '"losses":', '"shard":', 'null', '1e400'],
  executions: 20_000,
  check(input) {
    const found = refusedOr(
      () => parseAcceptedLosses(textOf(input), 'accepted-losses.json'),
      (error) => error instanceof ConfigError && error.message.startsWith('accepted-losses.json: '),
    )
    for (const { shard, fromCommit, toCommit, acceptedMs } of found ?? []) {
      if (![shard, fromCommit, toCommit, acceptedMs].every(Number.isSafeInteger)) throw new Broken('no number')
    }
  },
}
