import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonArrayElements } from './json-array.ts'
import { splitLines } from './lines.ts'
import { type InputForm, openRecordSource } from './record-source.ts'

/** The text in pieces of the given sizes, again and again. */
async function* inPieces(text: string, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function texts(pieces: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const all: string[] = []
  for await (const piece of pieces) all.push(Buffer.from(piece).toString())
  return all
}

const pieceSizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

describe('splitLines', () => {
  it('gives the same lines however the bytes arrive', async () => {
    const line = fc.string().map((text) => text.replace(/[\r\n]/g, ''))
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.constantFrom('\n', '\r\n'), pieceSizes, async (lines, end, sizes) => {
        const text = lines.map((each) => each + end).join('')
        expect(await texts(splitLines(inPieces(text, sizes), 1000))).toEqual(lines)
      }),
    )
  })

  it('takes a last line without an end, and refuses one beyond the bound', async () => {
    expect(await texts(splitLines(inPieces('a\nb', [2]), 10))).toEqual(['a', 'b'])
    await expect(texts(splitLines(inPieces(`ok\n${'x'.repeat(50)}`, [7]), 20))).rejects.toThrow(
      'line 2 is longer than 20',
    )
  })
})

describe('jsonArrayElements', () => {
  it('gives the elements as they stand, however the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.constantFrom(undefined, 2),
        pieceSizes,
        async (values, indent, sizes) => {
          const text = ` ${JSON.stringify(values, undefined, indent)}\n`
          const elements = await texts(jsonArrayElements(inPieces(text, sizes), 1_000_000))
          expect(elements.map((element) => JSON.parse(element) as unknown)).toEqual(JSON.parse(JSON.stringify(values)))
        },
      ),
      { numRuns: 300 },
    )
  })

  it.each([
    ['{"a":1}', 'does not begin with ['],
    ['[{"a":1}', 'ends before the closing ] (after 1 elements)'],
    ['[{"a":1}]\n[{"b":2}]', '--input lines'],
    ['["a"}', '} without {'],
    ['', 'ends before'],
  ])('refuses %s', async (text, message) => {
    await expect(texts(jsonArrayElements(inPieces(text, [3]), 100))).rejects.toThrow(message)
  })

  it('refuses an element beyond the bound before holding all of it', async () => {
    await expect(texts(jsonArrayElements(inPieces(`[1,"${'x'.repeat(99)}"]`, [10]), 50))).rejects.toThrow(
      'larger than 50',
    )
  })
})

describe('openRecordSource', () => {
  it.each<[string, InputForm, string, readonly string[]]>([
    ['[{"a":1},{"a":2}]', 'auto', 'array', ['{"a":1}', '{"a":2}']],
    [' \n [ \n {"a":1} ]', 'auto', 'array', ['{"a":1}']],
    ['[2026-11-22] started\nnext\n', 'auto', 'lines', ['[2026-11-22] started', 'next']],
    ['{"a":1}\n\n{"a":2}\r\n', 'auto', 'lines', ['{"a":1}', '{"a":2}']],
    ['[{"a":1}]\n[{"a":2}]\n', 'lines', 'lines', ['[{"a":1}]', '[{"a":2}]']],
    ['[1, 2]', 'array', 'array', ['1', '2']],
    ['{"a":1}', 'ndjson', 'ndjson', ['{"a":1}']],
    ['', 'auto', 'lines', []],
  ])('reads %j as %s: %s', async (text, form, chosen, records) => {
    const source = await openRecordSource(inPieces(text, [1]), form)
    expect([source.form, await texts(source.records)]).toEqual([chosen, records])
  })
})

describe('openRecordSource', () => {
  it('does not hold endless white space while it looks for an array', async () => {
    let given = 0
    async function* spaces(): AsyncGenerator<Uint8Array> {
      for (; given < 1000; given++) yield Buffer.alloc(16 * 1024, '\n')
    }
    expect((await openRecordSource(spaces(), 'auto')).form).toBe('lines')
    expect(given).toBeLessThan(10)
  })
})
