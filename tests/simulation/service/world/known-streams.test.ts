import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { KnownStream } from './known-streams.ts'

it('excuses a request that began while its stream was deleted, also when the deletion was answered first', () => {
  const stream = new KnownStream('s', seededRandom(1))
  const before = stream.beginRequest()
  stream.deletions++
  stream.isChanging = true
  const during = stream.beginRequest()
  stream.isChanging = false
  const after = stream.beginRequest()
  expect([before(), during(), after()]).toEqual([true, true, false])
})
