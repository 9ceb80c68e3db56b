import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { chooseKey, type KeyOptions } from './key-choice.ts'

const keyOf = (options: KeyOptions, data = '{"user":{"id":7}}', number = 12): string =>
  chooseKey(options, seededRandom(1))(Buffer.from(data), number)

describe('chooseKey', () => {
  it.each<[KeyOptions, string]>([
    [{ key: 'k' }, 'k'],
    [{ keyPath: 'user.id' }, '7'],
    [{ keyLine: true }, '12'],
  ])('takes %j', (options, key) => {
    expect(keyOf(options)).toBe(key)
  })

  it('gives each record a key of its own when nothing is said', () => {
    const choose = chooseKey({}, seededRandom(1))
    const keys = Array.from({ length: 100 }, (_, i) => choose(new Uint8Array(), i))
    expect(new Set(keys).size).toBe(100)
  })

  it.each<[KeyOptions, string, string]>([
    [{ key: 'a', keyPath: 'b' }, '{}', 'exclude one another'],
    [{ key: '' }, '{}', 'has 0 characters'],
    [{ keyPath: 'a' }, '{"b":1}', 'record 12 has no text, number or boolean at a'],
    [{ keyPath: 'a' }, 'secret text', 'record 12 is no JSON'],
    [{ keyPath: 'a' }, `{"a":"${'x'.repeat(300)}"}`, 'has 300 characters'],
  ])('refuses %j for %s', (options, data, message) => {
    expect(() => keyOf(options, data)).toThrow(message)
    expect(() => keyOf(options, data)).not.toThrow('secret')
  })
})
