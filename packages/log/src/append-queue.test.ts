import { beforeEach, describe, expect, it } from 'vitest'
import { AppendQueue, type PartTaker } from './append-queue.ts'
import { LedgerTable, openedLedger } from './ledger-table.ts'
import { KIB, QUEUE_PART_OVERHEAD_BYTES } from './limits.ts'

let table = new LedgerTable()

beforeEach(() => {
  table = new LedgerTable()
  for (const ledger of [1, 2, 3]) table.add(openedLedger(ledger, 1, 0))
})

function parts(ledger: number, count: number, bytes: number): { ledger: number; records: number; bytes: Uint8Array }[] {
  return Array.from({ length: count }, () => ({ ledger, records: 1, bytes: new Uint8Array(bytes) }))
}

/** Takes parts until their bytes reach `bytesMax`; notes whose they were. */
function takerOf(bytesMax: number): PartTaker & { taken: number[] } {
  const taken: number[] = []
  let bytes = 0
  return {
    taken,
    take(request, part) {
      const given = request.parts[part]
      if (given === undefined || bytes + given.bytes.length > bytesMax) return false
      bytes += given.bytes.length
      taken.push(given.ledger)
      return true
    },
  }
}

describe('AppendQueue', () => {
  it('lets small requests pass a large one: each adds at most 256 KiB in its turn', () => {
    const queue = new AppendQueue(32 * 1024 * KIB)
    queue.offer(parts(1, 10, 100 * KIB), table, 0)
    queue.offer(parts(2, 1, 10), table, 0)
    queue.offer(parts(3, 1, 10), table, 0)
    const first = takerOf(1024 * KIB)
    queue.drainInto(first)
    expect(first.taken).toEqual([1, 1, 2, 3])
    const second = takerOf(1024 * KIB)
    queue.drainInto(second)
    expect(second.taken).toEqual([1, 1])
  })

  it('keeps the order of a request’s parts when a commit is full in the middle of it', () => {
    const queue = new AppendQueue(1024 * KIB)
    const request = queue.offer([...parts(1, 2, 60), ...parts(2, 2, 60)], table, 0)
    const taker = takerOf(130)
    queue.drainInto(taker)
    expect(taker.taken).toEqual([1, 1])
    expect(request?.next).toBe(2)
    const rest = takerOf(1_000)
    queue.drainInto(rest)
    expect(rest.taken).toEqual([2, 2])
    expect(queue.isEmpty).toBe(true)
  })

  it('refuses what does not fit, and takes a request above its bound when it is empty', () => {
    const queue = new AppendQueue(10 * KIB)
    const large = queue.offer(parts(1, 1, 20 * KIB), table, 0)
    expect(large).toBeDefined()
    expect(queue.room()).toBe(0)
    expect(queue.offer(parts(1, 1, 1), table, 0)).toBeUndefined()
    if (large === undefined) return
    queue.withdraw(large)
    large.settle('unknown')
    queue.release(large)
    expect(queue.room()).toBe(10 * KIB)
    expect(table.get(1)?.queuedParts).toBe(0)
  })

  it('lets callers wait for room in order, and forgets one that gives up', async () => {
    const queue = new AppendQueue(1 * KIB)
    const filling = queue.offer(parts(1, 1, 1 * KIB - QUEUE_PART_OVERHEAD_BYTES), table, 0)
    const events: string[] = []
    const leaving = new AbortController()
    const waiting = [
      queue.whenRoom(900, AbortSignal.timeout(60_000)).then(() => events.push('large')),
      queue.whenRoom(1, leaving.signal).catch((error: unknown) => events.push(String(error))),
      queue.whenRoom(1, AbortSignal.timeout(60_000)).then(() => events.push('small')),
    ]
    leaving.abort('gone')
    await Promise.resolve()
    if (filling === undefined) throw new Error('an empty queue takes a request')
    queue.withdraw(filling)
    filling.settle('unknown')
    queue.release(filling)
    await Promise.all(waiting)
    expect(events).toEqual(['gone', 'large', 'small'])
  })
})
