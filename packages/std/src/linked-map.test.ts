import fc from 'fast-check'
import { expect, it } from 'vitest'

import { LinkedMap } from './linked-map.ts'

it('holds what a Map holds, in order of use', () => {
  const step = fc.record({ kind: fc.constantFrom('set', 'get', 'use', 'delete', 'shift'), key: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const [map, model] = [new LinkedMap<number, object>(), new Map<number, object>()]
      for (const { kind, key } of steps) {
        const known = model.get(key)
        if (kind === 'set') {
          const value = { key }
          expect(map.set(key, value)).toBe(known)
          model.delete(key)
          model.set(key, value)
        } else if (kind === 'get') {
          expect(map.get(key)).toBe(known)
        } else if (kind === 'use') {
          expect(map.use(key)).toBe(known)
          if (known !== undefined && model.delete(key)) model.set(key, known)
        } else if (kind === 'delete') {
          expect(map.delete(key)).toBe(known)
          model.delete(key)
        } else {
          const [first] = model
          expect(map.shift()).toBe(first?.[1])
          if (first !== undefined) model.delete(first[0])
        }
        expect(map.keys()).toEqual([...model.keys()])
        expect(map.size).toBe(model.size)
      }
    }),
  )
})
