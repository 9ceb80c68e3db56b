import { describe, expect, it } from 'vitest'
import { compileKeyPath } from './key-path.ts'

const order = { user: { id: 'u-1', age: 7, vip: true, none: null }, items: [{ sku: 'A' }], 'odd.key': { x: 'y' } }

describe('compileKeyPath', () => {
  it.each([
    ['user.id', 'u-1'],
    ['$.user.id', 'u-1'],
    ['user.age', '7'],
    ['user.vip', 'true'],
    ['items[0].sku', 'A'],
    ['["odd.key"].x', 'y'],
    ['user.none', undefined],
    ['user', undefined],
    ['user.missing.deeper', undefined],
    ['items[3].sku', undefined],
    ['user.constructor', undefined],
    ['user.id.length', undefined],
  ])('follows %s', (path, key) => {
    expect(compileKeyPath(path)(order)).toBe(key)
  })

  it('reads a top-level array', () => {
    expect(compileKeyPath('[1]')(['a', 'b'])).toBe('b')
  })

  it.each(['', '$', 'a..b', '.a', 'a[', 'a[x]', 'a b', 'a[0]b', String.raw`["\q"]`, '["\u0007"]'])(
    'refuses %j',
    (path) => {
      expect(() => compileKeyPath(path)).toThrow('key path')
    },
  )
})
