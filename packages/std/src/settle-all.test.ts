import { expect, it } from 'vitest'

import { deferred } from './deferred.ts'
import { settleAll } from './settle-all.ts'

it('rejects with the first reason, when the last of them has settled and not before', async () => {
  const slow = deferred<number>()
  let state = 'waits'
  const all = settleAll([Promise.resolve(1), Promise.reject(new Error('one')), slow.promise])
  const seen = all.catch((error: Error) => (state = error.message))
  await new Promise(setImmediate)
  expect(state).toBe('waits')
  slow.resolve(3)
  await seen
  expect(state).toBe('one')
  expect(await settleAll([Promise.resolve('a'), Promise.resolve('b')])).toEqual(['a', 'b'])
})
