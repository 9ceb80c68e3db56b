/** What people type and pipe into the command: paths, formats, positions, durations, and records in their forms. */
import { parseDuration, type Random, randomBelow } from '@millrace/std'

import { CommandError } from '../../../packages/cli/src/exit-code.ts'
import { compileFormat } from '../../../packages/cli/src/output/format-string.ts'
import { jsonArrayElements } from '../../../packages/cli/src/records/json-array.ts'
import { splitLines } from '../../../packages/cli/src/records/lines.ts'
import { openRecordSource } from '../../../packages/cli/src/records/record-source.ts'
import { compileKeyPath } from '../../../packages/cli/src/values/key-path.ts'
import { parsePosition } from '../../../packages/cli/src/values/position.ts'
import { fullShardId } from '../../../packages/cli/src/values/shard-name.ts'
import { anyTree } from '../grammar/api-tree.ts'
import { jsonText } from '../grammar/json-text.ts'
import { Broken, bytesOf, chance, expectSame, pick, refusedOr, type Target, textOf } from '../support/target.ts'

const NOW_MS = 1_700_000_000_000
const isUsage = (error: unknown): boolean => error instanceof CommandError
const DATE_MAX_MS = 8.64e15

const record = {
  stream: 's',
  shardId: 'shardId-000000000003',
  sequenceNumber: '1',
  partitionKey: 'é"',
  data: bytesOf('{"a":1}\u0007'),
  arrivalMs: NOW_MS,
  number: 1,
}
const context = { nowMs: () => NOW_MS, hashKeyOf: () => 5n }

const typed = [
  'user.id', '$.items[0].sku', '["odd.key"].x', '%k\\t%v{auto}\\n', '%d{strftime[%H:%M]} %s{short}', '-15m', '-1h30m',
  'at:2026-11-22T11:00:00Z', 'seq:49590338271490256608559692538361571095921575989136588898', '1795348800', 'trim-horizon',
  'constructor', '__proto__', '3', 'shardId-000000000003', '["\\q"]', '%{', '%v{constructor}', '\\x4', '9'.repeat(400) + 'd',
] // prettier-ignore

export const typedTexts: Target = {
  name: 'typed-texts',
  specimens: typed.map(bytesOf),
  generate: (random) =>
    bytesOf(
      Array.from({ length: 1 + randomBelow(random, 3) }, () => pick(random, typed)).join(
        pick(random, ['', '.', ' ', '\\']),
      ),
    ),
  words: [
    '[',
    ']',
    '"',
    '.',
    '$',
    '%',
    '{',
    '}',
    '\\',
    '\\x',
    'strftime[',
    '-',
    'at:',
    '9'.repeat(20),
    'd',
    'toString',
  ],
  executions: 50_000,
  check(input) {
    const text = textOf(input)
    const path = refusedOr(() => compileKeyPath(text), isUsage)
    for (const value of [undefined, null, 'text', { user: { id: 7 } }, [['a']]]) path?.(value)
    const format = refusedOr(() => compileFormat(text, context), isUsage)
    if (format !== undefined && format(record).length > 1_000 + 100 * input.length)
      throw new Broken('much came of little')
    const position = refusedOr(() => parsePosition(text, NOW_MS), isUsage)
    if (position !== undefined && !['trim-horizon', 'latest', 'time', 'sequence'].includes(position.kind))
      throw new Broken('a position of no kind')
    if (position?.kind === 'time' && !(Math.abs(position.timeMs) <= DATE_MAX_MS))
      throw new Broken(`a time of ${position.timeMs}`)
    const duration = parseDuration(text)
    if (duration !== undefined && !(duration >= 0)) throw new Broken(`a duration of ${duration}`)
    refusedOr(() => fullShardId(text), isUsage)
  },
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

async function collected(source: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[] | undefined> {
  const all: Uint8Array[] = []
  try {
    for await (const piece of source) all.push(Buffer.from(piece))
  } catch (error) {
    if (!isUsage(error)) throw new Broken(`threw ${String(error)}`, { cause: error })
    return undefined
  }
  return all
}

function array(random: Random): string {
  const elements = Array.from({ length: randomBelow(random, 5) }, () => jsonText(anyTree(random, 2), random))
  return `[${elements.join(pick(random, [',', ' , ', ',\n']))}]`
}

/** The first byte is the size of chunks. */
export const recordSources: Target = {
  name: 'record-sources',
  specimens: ['[{"a":1},{"b":[2]}]', 'a\nb\r\n\nc', '[', '  \n [ {', '[1,"]",null]', '{"a":"\\"]"}\n{}'].map((text) =>
    bytesOf(`\u0003${text}`),
  ),
  generate: (random) =>
    bytesOf(
      `${String.fromCharCode(randomBelow(random, 64))}${chance(random, 0.6) ? array(random) : 'line\n'.repeat(randomBelow(random, 5))}`,
    ),
  words: ['[', ']', '{', '}', '"', '\\', ',', '\n', '\r\n', '\ufeff', ' '],
  executions: 8_000,
  async check(input) {
    const size = 1 + (input[0] ?? 0)
    const bytes = input.subarray(1)
    const lines = await collected(splitLines(inChunks(bytes, size), 1 << 20))
    const expected = Buffer.from(bytes).toString('latin1').split('\n')
    if (expected.at(-1) === '') expected.pop()
    expectSame(
      lines?.map((line) => Buffer.from(line).toString('latin1')),
      expected.map((line) => line.replace(/\r$/, '')),
      'the lines',
    )
    const elements = await collected(jsonArrayElements(inChunks(bytes, size), 1 << 20))
    expectSame(await collected(jsonArrayElements(inChunks(bytes, 1 << 20), 1 << 20)), elements, 'cut otherwise')
    let value: unknown
    try {
      value = JSON.parse(textOf(bytes))
    } catch {
      // What is no JSON has elements that are none, or is refused.
    }
    if (Array.isArray(value))
      expectSame(
        elements?.map((element) => JSON.parse(textOf(element)) as unknown),
        value,
        'the elements',
      )
    const source = await openRecordSource(inChunks(bytes, size), 'auto')
    await collected(source.records)
  },
}
