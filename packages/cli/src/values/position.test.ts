import { describe, expect, it } from 'vitest'
import { CommandError } from '../exit-code.ts'
import { parsePosition } from './position.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const sequenceNumber = '49590338271490256608559692538361571095921575989136588898'

describe('parsePosition', () => {
  it.each([
    ['trim-horizon', { kind: 'trim-horizon' }],
    ['TRIM_HORIZON', { kind: 'trim-horizon' }],
    ['latest', { kind: 'latest' }],
    ['-15m', { kind: 'time', timeMs: now - 900_000 }],
    ['-1h30m', { kind: 'time', timeMs: now - 5_400_000 }],
    ['at:-10s', { kind: 'time', timeMs: now - 10_000 }],
    ['at:2026-11-22T11:00:00Z', { kind: 'time', timeMs: now - 3_600_000 }],
    ['2026-11-22T13:00:00+02:00', { kind: 'time', timeMs: now - 3_600_000 }],
    ['2026-11-22', { kind: 'time', timeMs: Date.parse('2026-11-22') }],
    ['1795348800', { kind: 'time', timeMs: 1_795_348_800_000 }],
    ['1795348800123', { kind: 'time', timeMs: 1_795_348_800_123 }],
    [`seq:${sequenceNumber}`, { kind: 'sequence', sequenceNumber, after: false }],
    [`after:${sequenceNumber}`, { kind: 'sequence', sequenceNumber, after: true }],
    [sequenceNumber, { kind: 'sequence', sequenceNumber, after: false }],
  ])('reads %s', (text, position) => {
    expect(parsePosition(text, now)).toEqual(position)
  })

  it.each([
    '',
    'yesterday',
    '-15',
    '15m',
    'May 1',
    'seq:abc',
    '2026-13-45',
    '12345',
    'constructor',
    '__proto__',
    `-${'9'.repeat(20)}d`,
  ])('refuses %j, showing the forms', (text) => {
    expect(() => parsePosition(text, now)).toThrow(CommandError)
    try {
      parsePosition(text, now)
    } catch (error) {
      expect((error as CommandError).failure).toMatchObject({
        ending: 'usage',
        hint: expect.stringContaining('-15m'),
      })
    }
  })
})
