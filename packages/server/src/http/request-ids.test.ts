import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'

import { RequestIds } from './request-ids.ts'

/** More than are made at once. */
const MANY = 200

it('gives version 4 UUIDs, no two alike, from all of their randomness', () => {
  const ids = new RequestIds(seededRandom(1))
  const given = Array.from({ length: MANY }, () => ids.next())
  for (const id of given) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Set(given).size).toBe(MANY)
  const isFixed = (place: number): boolean => [8, 13, 14, 18, 23].includes(place)
  for (let place = 0; place < 36; place++) {
    const seen = new Set(given.map((id) => id[place]))
    expect([place, seen.size]).toEqual([place, isFixed(place) ? 1 : place === 19 ? 4 : 16])
  }
})

it('gives 72 random bytes in base64 as the second one, no two alike', () => {
  const ids = new RequestIds(seededRandom(1))
  const given = Array.from({ length: MANY }, () => ids.nextExtended())
  for (const id of given) expect(Buffer.from(id, 'base64').toString('base64')).toBe(id)
  for (const id of given) expect(Buffer.from(id, 'base64')).toHaveLength(72)
  expect(new Set(given).size).toBe(MANY)
})
