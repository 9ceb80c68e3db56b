import { describe, expect, it } from 'vitest'

import { decodeBody, releaseInput } from './body-decoder.ts'

const BYTES = 100_000

describe('releaseInput', () => {
  it.each([
    ['large records', BYTES, 2, 0],
    ['records that together are not worth it', 10, 2, 10],
    ['many small records', 1_000, 200, 0],
  ])('gives back the data of %s', (_, length, count, left) => {
    const Data = Buffer.alloc(length).toString('base64')
    const Records = Array.from({ length: count }, () => ({ Data, PartitionKey: 'k' }))
    const body = Buffer.from(JSON.stringify({ StreamName: 's', Records }))
    const decoded = decodeBody({ codec: 'json', operation: 'PutRecords', hashed: false }, body)
    const input = (decoded as { input: { Records: { Data: Uint8Array }[] } }).input
    expect(input.Records[0]?.Data.length).toBe(length)
    releaseInput(input, body)
    expect(input.Records[0]?.Data.length).toBe(left)
  })

  it('leaves data alone that lies in the body, whose other parts may be of another request', () => {
    const read = Buffer.alloc(BYTES, 1)
    const body = read.subarray(0, BYTES / 2)
    releaseInput({ Records: [{ Data: body.subarray(10, 20) }] }, body)
    expect(read[BYTES - 1]).toBe(1)
  })

  it('leaves data alone that shares its memory with what is not of the records', () => {
    const shared = Buffer.alloc(BYTES, 1)
    releaseInput({ Records: [{ Data: shared.subarray(10, 20) }] }, new Uint8Array(0))
    expect(shared[BYTES - 1]).toBe(1)
  })

  it.each([undefined, {}, { Records: [] }, { Records: [{}] }])('has nothing to do for %j', (input) => {
    expect(() => releaseInput(input, new Uint8Array(0))).not.toThrow()
  })
})
