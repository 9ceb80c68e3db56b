import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CommandError } from '../exit-code.ts'
import { compileFormat, type OutputRecord, PIPE_FORMAT, TERMINAL_FORMAT } from './format-string.ts'

const record: OutputRecord = {
  stream: 'orders',
  shardId: 'shardId-000000000012',
  sequenceNumber: '4959',
  partitionKey: 'user "7"',
  data: Buffer.from('{"a":1}'),
  arrivalMs: Date.parse('2026-11-22T10:00:00.123Z'),
  number: 3,
}
const context = { nowMs: () => record.arrivalMs + 125_000, hashKeyOf: (key: string) => BigInt(key.length) }

const render = (template: string, change: Partial<OutputRecord> = {}): string =>
  Buffer.from(compileFormat(template, context)({ ...record, ...change })).toString('latin1')

describe('format strings', () => {
  const timeZone = process.env['TZ']
  beforeAll(() => {
    process.env['TZ'] = 'UTC'
  })
  afterAll(() => {
    if (timeZone === undefined) delete process.env['TZ']
    else process.env['TZ'] = timeZone
  })

  it.each([
    ['%v', '{"a":1}'],
    ['%v{raw}', '{"a":1}'],
    ['%v{hex}', '7b2261223a317d'],
    ['%v{base64}', 'eyJhIjoxfQ=='],
    ['%v{json}', '{"a":1}'],
    ['%v{pretty}', '{\n  "a": 1\n}'],
    ['%k|%k{quote}', 'user "7"|"user \\"7\\""'],
    ['%s %s{short}', 'shardId-000000000012 12'],
    ['%q', '4959'],
    ['%d', '2026-11-22T10:00:00.123Z'],
    ['%d{ms}', '1795341600123'],
    ['%d{local}', '2026-11-22 10:00:00.123'],
    ['%d{ago}', '2m'],
    ['%d{strftime[%F at %H:%M %% %Q]}', '2026-11-22 at 10:00 % %Q'],
    ['%d{strftime[%T%z]}', '10:00:00+0000'],
    ['%z %h %t %i', '7 8 orders 3'],
    ['100%%\\t\\x41\\n\\\\', '100%\tA\n\\'],
    ['', ''],
    [PIPE_FORMAT, '{"a":1}\n'],
    [TERMINAL_FORMAT, '2026-11-22 10:00:00.123  12  user "7"  {"a":1}\n'],
  ])('renders %s', (template, text) => {
    expect(render(template)).toBe(text)
  })

  it('hands binary values through untouched, and marks them as base64 where text is wanted', () => {
    const data = Uint8Array.of(0xff, 0x00, 0x0a)
    expect([...compileFormat('%v', context)({ ...record, data })]).toEqual([0xff, 0x00, 0x0a])
    expect(render('%v{auto}', { data })).toBe('base64:/wAK')
    expect(render('%v{json}', { data })).toBe('"/wAK"')
  })

  it('lets no record drive the terminal through %v{auto}', () => {
    expect(render('%v{auto}', { data: Buffer.from('a\u001b[2J\nb') })).toBe('a\\u001b[2J\\nb')
  })

  it('writes a value that is no JSON as a JSON string, or as it is', () => {
    const data = Buffer.from('plain "text"')
    expect([render('%v{json}', { data }), render('%v{pretty}', { data })]).toEqual([
      '"plain \\"text\\""',
      'plain "text"',
    ])
  })

  it.each([
    ['%x', 'no field %x'],
    ['%', '"%" at character 1'],
    ['a\\q', 'character 2'],
    ['%v{xml}', '%v has no form {xml}'],
    ['%q{hex}', '%q has no form'],
    ['%v{constructor}', 'no form'],
  ])('refuses %s', (template, message) => {
    expect(() => compileFormat(template, context)).toThrow(message)
    expect(() => compileFormat(template, context)).toThrow(CommandError)
  })
})
