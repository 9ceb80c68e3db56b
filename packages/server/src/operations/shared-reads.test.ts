import { deferred } from '@millrace/std'
import { describe, expect, it } from 'vitest'

import type { Shard } from '../streams/shard.ts'
import type { Stream } from '../streams/stream.ts'
import type { RecordPage } from './record-page.ts'
import { type SharedPageRequest, SharedReads } from './shared-reads.ts'

function open() {
  let advance: (refs: readonly number[]) => void = () => {}
  const reads = new SharedReads({
    onAdvance(listener) {
      advance = listener
      return { [Symbol.dispose]() {} }
    },
  })
  return { reads, advance: (...refs: number[]) => advance(refs) }
}

const stream = {} as Stream
const request = (part: Partial<SharedPageRequest> = {}): SharedPageRequest => ({
  stream,
  shard: { ref: 7 } as Shard,
  from: { commit: 3, index: 1 },
  records: 100,
  bytes: 1000,
  isForOne: false,
  ...part,
})
const page = {} as RecordPage

describe('SharedReads', () => {
  it('reads once for all who ask for the same meanwhile, and again for who comes later', async () => {
    const { reads } = open()
    const first = deferred<RecordPage>()
    let begun = 0
    const read = (): Promise<RecordPage> => {
      begun++
      return first.promise
    }
    const pages = [reads.read(request(), read), reads.read(request({ from: { commit: 3, index: 1 } }), read)]
    expect(begun).toBe(1)
    first.resolve(page)
    expect(await Promise.all(pages)).toEqual([page, page])
    await reads.read(request(), read)
    expect(begun).toBe(2)
  })

  it.each<[string, Partial<SharedPageRequest>]>([
    ['another place', { from: { commit: 3, index: 2 } }],
    ['another shard', { shard: { ref: 8 } as Shard }],
    ['a stream that was changed', { stream: {} as Stream }],
    ['other bounds', { bytes: 999 }],
  ])('reads for itself at %s', (_, part) => {
    const { reads } = open()
    let begun = 0
    const read = (): Promise<RecordPage> => {
      begun++
      return new Promise(() => {})
    }
    void reads.read(request(), read)
    void reads.read(request(part), read)
    expect(begun).toBe(2)
  })

  it('gives nobody a page that was begun before the shard grew: nothing would wake them for the rest', () => {
    const { reads, advance } = open()
    let begun = 0
    const read = (): Promise<RecordPage> => {
      begun++
      return new Promise(() => {})
    }
    void reads.read(request(), read)
    advance(8)
    void reads.read(request(), read)
    expect(begun).toBe(1)
    advance(8, 7)
    void reads.read(request(), read)
    expect(begun).toBe(2)
  })

  it('forgets a page that could not be read', async () => {
    const { reads } = open()
    await expect(reads.read(request(), () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(await reads.read(request(), () => Promise.resolve(page))).toBe(page)
  })
})
