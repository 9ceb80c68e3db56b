import { expect, it } from 'vitest'
import { decodeApplicationRoot, decodeLease } from './documents.ts'

it('documents of a version that is not known are refused by name and number', () => {
  const bytes = Buffer.from('{"v":2}')
  const lease = 'applications/1/r/orders/leases/some'
  const root = 'applications/1/r/orders/root'
  expect(() => decodeLease(lease, 'some', bytes, 1)).toThrow(`${lease}: this metadata has version 2`)
  expect(() => decodeApplicationRoot(root, bytes)).toThrow(`${root}: this metadata has version 2`)
})
