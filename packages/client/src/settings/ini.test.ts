import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseIni } from './ini.ts'

const sections = (text: string): Record<string, Record<string, string>> =>
  Object.fromEntries([...parseIni(text)].map(([name, values]) => [name, Object.fromEntries(values)]))

describe('parseIni', () => {
  const rows: { name: string; text: string; expected: Record<string, Record<string, string>> }[] = [
    {
      name: 'sections and properties',
      text: '[default]\nregion = eu-west-1\n[profile a]\nregion=us-east-1',
      expected: { default: { region: 'eu-west-1' }, 'profile a': { region: 'us-east-1' } },
    },
    { name: 'Windows line ends and a byte order mark', text: '\uFEFF[a]\r\nk = v\r\n', expected: { a: { k: 'v' } } },
    { name: 'comments on their own line', text: '# one\n; two\n[a] # three\nk = v', expected: { a: { k: 'v' } } },
    {
      name: 'comments after a space, but not inside a value',
      text: '[a]\nk = v#w;x # note',
      expected: { a: { k: 'v#w;x' } },
    },
    {
      name: 'equals signs inside a value',
      text: '[a]\naws_secret_access_key = ab=cd==',
      expected: { a: { aws_secret_access_key: 'ab=cd==' } },
    },
    {
      name: 'names of properties in any case',
      text: '[a]\nAWS_Access_Key_Id = K',
      expected: { a: { aws_access_key_id: 'K' } },
    },
    {
      name: 'nested properties',
      text: '[services dev]\nkinesis =\n  endpoint_url = http://localhost:4567\nsts =\n\tendpoint_url = http://sts\nk = v',
      expected: {
        'services dev': {
          kinesis: '',
          'kinesis.endpoint_url': 'http://localhost:4567',
          sts: '',
          'sts.endpoint_url': 'http://sts',
          k: 'v',
        },
      },
    },
    {
      name: 'indented properties that are nested under nothing',
      text: '[a]\n  k = v\n  l = w',
      expected: { a: { k: 'v', l: 'w' } },
    },
    { name: 'extra spaces in a header', text: '[ profile   a ]\nk=v', expected: { 'profile a': { k: 'v' } } },
    {
      name: 'a section named twice: the later value counts',
      text: '[a]\nk = 1\nl = 1\n[b]\n[a]\nk = 2',
      expected: { a: { k: '2', l: '1' }, b: {} },
    },
    {
      name: 'what is none of this',
      text: 'stray = x\nnonsense\n[a]\nwords without sign\n= nameless\nk = v',
      expected: { a: { k: 'v' } },
    },
  ]
  for (const { name, text, expected } of rows) it(`reads ${name}`, () => expect(sections(text)).toEqual(expected))

  it('takes any text without an error, and has no properties outside of sections', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const parsed = parseIni(text)
        if (!text.includes('[')) expect(parsed.size).toBe(0)
      }),
    )
  })

  const word = fc.stringMatching(/^[a-z_][a-z0-9_]{0,12}$/)
  const value = fc
    .stringMatching(/^[!-:<-Z\]-~]([ -"$-:<-~]{0,20}[!"$-:<-~])?$/)
    .filter((text) => !/^[#;]|\s[#;]/.test(text))
  it('reads back what was written, whatever the spaces around it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(word, fc.dictionary(word, value)),
        fc.constantFrom('', ' ', '\t'),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        (written, space, end) => {
          const lines = Object.entries(written).flatMap(([name, values]) => [
            `[${name}]`,
            ...Object.entries(values).map(([key, text]) => `${key}${space}=${space}${text}${space}`),
          ])
          expect(sections(lines.join(end))).toEqual(written)
        },
      ),
    )
  })
})
