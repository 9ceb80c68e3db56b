import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  COMMIT_MAX,
  decodeSequenceNumber,
  encodeSequenceNumber,
  endingSequenceNumber,
  INDEX_MAX,
  SequenceNumberWriter,
  startingSequenceNumber,
} from './sequence-number.ts'

const shard0 = { birthS: 1_700_000_000, shard: 0 }

const fields = fc
  .record({
    birthS: fc.integer({ min: 0, max: 16_025_174_999 }),
    shard: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    commit: fc.maxSafeInteger().map((value) => Math.abs(value) % (COMMIT_MAX + 1)),
    index: fc.integer({ min: 0, max: INDEX_MAX }),
    timeS: fc.integer({ min: 0, max: 2 ** 36 - 1 }),
  })
  .map((value) => ({ ...value }))

describe('sequence numbers', () => {
  it.each([
    ['start of shard 0', startingSequenceNumber(shard0), '49646437577108476416916876405825929425585429676275269634'],
    [
      'first record, 5 s later',
      encodeSequenceNumber({ ...shard0, commit: 0, index: 1, timeS: 1_700_000_005 }),
      '49646437577108476416916876405827138351405044649047359490',
    ],
    [
      'end at +100 s',
      endingSequenceNumber(shard0, 1_700_000_100),
      '49646437577119626789516141717395488358902146099801227266',
    ],
    [
      'start of shard 1',
      startingSequenceNumber({ ...shard0, shard: 1 }),
      '49646437577130777162115407028967465143858078037781250066',
    ],
  ])('have the real service’s layout: %s', (_, actual, expected) => {
    expect(actual).toBe(expected)
  })

  it('place the starts of neighbouring shards 2^144 + 16 apart', () => {
    const starts = [0, 1].map((shard) => BigInt(startingSequenceNumber({ ...shard0, shard })))
    expect((starts[1] ?? 0n) - (starts[0] ?? 0n)).toBe(22300745198530623141535718272648361505980432n)
  })

  it('decode one that production gave', () => {
    expect(decodeSequenceNumber('49590338271490256608559692538361571095921575989136588898')).toEqual({
      version: 2,
      birthS: 1_542_776_258,
      shard: 6,
      commit: Math.floor(1_734_642_199 / 65_536),
      index: 1_734_642_199 % 65_536,
      timeS: 1_545_084_650,
    })
  })

  it('come back as the fields they were made of', () => {
    fc.assert(
      fc.property(fields, (value) => {
        expect(decodeSequenceNumber(encodeSequenceNumber(value))).toEqual({ version: 2, ...value })
      }),
    )
  })

  it('order by birth, then by commit, then by index, whatever the time', () => {
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const sameShard = { ...b, shard: a.shard }
        const order =
          a.birthS - sameShard.birthS ||
          a.commit - sameShard.commit ||
          a.index - sameShard.index ||
          a.timeS - sameShard.timeS
        const [numberA, numberB] = [BigInt(encodeSequenceNumber(a)), BigInt(encodeSequenceNumber(sameShard))]
        expect(numberA < numberB ? -1 : numberA > numberB ? 1 : 0).toBe(Math.sign(order))
      }),
    )
  })

  it('lie between the start and the end of their shard', () => {
    fc.assert(
      fc.property(fields, (value) => {
        fc.pre(value.commit > 0 && value.commit < COMMIT_MAX)
        const number = BigInt(encodeSequenceNumber(value))
        expect(number > BigInt(startingSequenceNumber(value))).toBe(true)
        expect(number < BigInt(endingSequenceNumber(value, 0))).toBe(true)
      }),
    )
  })

  it('decode as another version: small numbers claim the shard in their last 16 bits', () => {
    expect(decodeSequenceNumber('0')).toEqual({ version: 0, shard: 0 })
    expect(decodeSequenceNumber('5')).toEqual({ version: 0, shard: 5 })
    const version1 = BigInt(startingSequenceNumber({ ...shard0, shard: 3 })) - 1n
    expect(decodeSequenceNumber(version1.toString())).toEqual({ version: 1, shard: 3 })
  })

  it('decode a shard field whose top bit is set as a negative number', () => {
    const start = BigInt(startingSequenceNumber(shard0))
    expect(decodeSequenceNumber((start + (0x8000_0000n << 4n)).toString())).toMatchObject({ shard: -2_147_483_648 })
  })

  const start = BigInt(startingSequenceNumber(shard0))
  it.each([
    ['nothing', ''],
    ['a word', 'TRIM_HORIZON'],
    ['a leading zero', `0${start}`],
    ['a sign', `-${start}`],
    ['129 digits', '9'.repeat(129)],
    ['top bit of the position set', (start + (1n << 143n)).toString()],
    ['a creation time in the far future', startingSequenceNumber({ birthS: 16_025_175_000, shard: 0 })],
    ['a creation time in the far future, version 0', ((16_025_175_000n << 88n) | 5n).toString()],
    ['another first digit', (start + (1n << 184n)).toString()],
    ['something between position and time', (start + (1n << 72n)).toString()],
    ['low bits of another shard', (start + (1n << 144n)).toString()],
    ['version 3', (start + 1n).toString()],
    ['more than version 0 and less than version 1', (1n << 150n).toString()],
  ])('are refused: %s', (_, text) => {
    expect(decodeSequenceNumber(text)).toBeUndefined()
  })

  it('never throw while being decoded', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.bigInt({ min: 0n }).map(String)), (text) => {
        decodeSequenceNumber(text)
      }),
    )
  })
})

describe('SequenceNumberWriter', () => {
  it('writes what encodeSequenceNumber gives, in any order of indexes', () => {
    fc.assert(
      fc.property(fields, fc.array(fc.integer({ min: 0, max: INDEX_MAX }), { minLength: 1 }), (value, indexes) => {
        const writer = new SequenceNumberWriter(value)
        const target = Buffer.alloc(60)
        for (const index of indexes) {
          const expected = encodeSequenceNumber({ ...value, index })
          expect(writer.text(index)).toBe(expected)
          expect(writer.write(target, 2, index)).toBe(58)
          expect(target.toString('latin1', 2, 58)).toBe(expected)
        }
      }),
    )
  })

  it('has nothing left of what it wrote before it was moved', () => {
    fc.assert(
      fc.property(fields, fields, (before, after) => {
        const writer = new SequenceNumberWriter(before)
        writer.text(before.index)
        writer.moveTo(after)
        expect(writer.text(after.index)).toBe(encodeSequenceNumber(after))
        writer.moveTo(before)
        expect(writer.text(before.index)).toBe(encodeSequenceNumber(before))
      }),
    )
  })

  it('keeps its digits where it is told to, in any order of indexes', () => {
    fc.assert(
      fc.property(fields, fc.array(fc.integer({ min: 0, max: INDEX_MAX }), { minLength: 1 }), (value, indexes) => {
        const text = Buffer.alloc(60, '.')
        const writer = new SequenceNumberWriter(value, text.subarray(2, 58))
        for (const index of indexes) {
          writer.moveToIndex(index)
          expect(text.toString('latin1')).toBe(`..${encodeSequenceNumber({ ...value, index })}..`)
        }
      }),
    )
  })
})
