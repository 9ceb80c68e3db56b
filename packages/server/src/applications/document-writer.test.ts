import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import type { MetaStore } from '../engine/engine.ts'
import { DocumentWriter } from './document-writer.ts'

/** Turns of the microtask queue between the end of one batch and the end of the run that wrote it, and some more. */
const TURNS = 12

const change = (key: string) => ({ key, value: new Uint8Array(1), expect: 0 })

describe('DocumentWriter', () => {
  it('writes what is asked for at any moment of the end of a batch', async () => {
    for (let turns = 0; turns < TURNS; turns++) {
      let revision = 0
      let second: Promise<unknown> | undefined
      let writer: DocumentWriter | undefined
      const askLater = async (): Promise<void> => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        second = writer?.write(change('second'), 1_000)
      }
      writer = new DocumentWriter({
        meta: { cas: async () => ({ ok: true, revision: ++revision }) } as unknown as MetaStore,
        clock: new VirtualClock(),
        onWritten: ([{ key } = change('')]) => {
          if (key === 'first') void askLater()
        },
      })
      await writer.write(change('first'), 1_000)
      await new Promise(setImmediate)
      const state = await Promise.race([second, new Promise((resolve) => setImmediate(() => resolve('waits')))])
      expect([turns, state]).toEqual([turns, 2])
    }
  })
})
