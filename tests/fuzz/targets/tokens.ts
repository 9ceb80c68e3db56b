/**
 * Shard iterators and NextTokens. What we did not seal never opens, however little was changed; and what is sealed with
 * the right key but says nonsense (another version of the program) is refused in words.
 */
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'

import { openListToken, sealListToken } from '../../../packages/server/src/streams/list-token.ts'
import { TokenSeal } from '../../../packages/server/src/streams/sealed-token.ts'
import { openIterator, sealIterator } from '../../../packages/server/src/streams/shard-iterator.ts'
import { Broken, bytesOf, chance, expectSame, pick, type Target, textOf } from '../support/target.ts'

const NOW_MS = 1_700_000_000_000
const seal = new TokenSeal(seededRandom(1).bytes(32), seededRandom(2))
const other = new TokenSeal(seededRandom(3).bytes(32), seededRandom(2))

const iterator = {
  stream: { account: '000000000000', region: 'us-east-1', name: 'stream' },
  shard: 3,
  birthS: 1_600_000_000,
  position: { commit: 77, index: 5 },
  issuedMs: NOW_MS,
}
const genuine = [1, 2, 3].map((shard) => sealIterator(seal, { ...iterator, shard }))
const lists = [sealListToken(seal, 'ListShards', { after: 'shardId-000000000001' }, NOW_MS)]
const foreign = [sealIterator(other, iterator), sealListToken(other, 'ListShards', {}, NOW_MS)]

export const tokens: Target = {
  name: 'tokens',
  specimens: [...genuine, ...lists, ...foreign, `"${genuine[0]}"`, ''].map(bytesOf),
  generate: (random) =>
    bytesOf(
      chance(random, 0.5)
        ? pick(random, [...genuine, ...lists])
        : `AAAAAAAAAAE${Buffer.from(random.bytes(randomBelow(random, 300))).toString('base64')}`,
    ),
  words: ['=', '"', 'AAAAAAAAAAE=', '\n', 'é', '-'],
  executions: 40_000,
  check(input) {
    const text = textOf(input)
    const bare = /^"(.*)"$/s.exec(text)?.[1] ?? text
    const opened = openIterator(seal, text, NOW_MS)
    if (!('fault' in opened) !== genuine.includes(bare)) throw new Broken(`the iterator ${text} opens, or not`)
    const list = openListToken(seal, 'ListShards', text, NOW_MS)
    if (!('fault' in list) !== lists.includes(text)) throw new Broken(`the token ${text} opens, or not`)
    if (!('fault' in openListToken(seal, 'ListStreams', text, NOW_MS))) throw new Broken('a token of another operation')
  },
}

/** The input is the message: it is sealed with the right key, as another version of this program would. */
export const sealedMessages: Target = {
  name: 'sealed-messages',
  specimens: [seal.open('shard-iterator', genuine[0] ?? '') ?? Buffer.alloc(0), Buffer.alloc(33), Buffer.alloc(0)],
  generate: (random) => random.bytes(randomBelow(random, 80)),
  words: ['us-east-1', '\u0001', '\u00ff'],
  executions: 30_000,
  check(input) {
    const message = input.subarray(0, 2_000)
    const text = seal.seal('shard-iterator', message)
    const opened = openIterator(seal, text, NOW_MS)
    expectSame(seal.open('shard-iterator', text), Buffer.from(message), 'the message')
    if ('fault' in opened) return
    if (opened.issuedMs > NOW_MS + 5_000) throw new Broken('an iterator of the future')
  },
}
