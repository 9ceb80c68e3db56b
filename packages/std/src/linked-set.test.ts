import fc from 'fast-check'
import { expect, it } from 'vitest'

import { type Linked, LinkedSet } from './linked-set.ts'

class Item implements Linked<Item> {
  before: Item | undefined
  after: Item | undefined
}

it('holds what a Set holds, in its order', () => {
  const step = fc.record({ kind: fc.constantFrom('add', 'delete'), at: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const items = Array.from({ length: 6 }, () => new Item())
      const [set, model] = [new LinkedSet<Item>(), new Set<Item>()]
      for (const { kind, at } of steps) {
        const item = items[at] as Item
        if (kind === 'add') {
          set.add(item)
          model.add(item)
        } else {
          expect(set.delete(item)).toBe(model.delete(item))
        }
        expect(set.items()).toEqual([...model])
        expect(set.first).toBe(model.values().next().value)
        for (const each of items) expect(set.has(each)).toBe(model.has(each))
      }
    }),
  )
})

it('leaves nothing on what was taken out that leads to others', () => {
  const set = new LinkedSet<Item>()
  const items = [new Item(), new Item(), new Item()] as const
  for (const item of items) set.add(item)
  set.delete(items[1])
  expect(items[1]).toEqual(new Item())
  expect(set.items()).toEqual([items[0], items[2]])
})
