import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { untilAborted } from './until-aborted.ts'
import { withAnySignal } from './with-any-signal.ts'

const forever = new Promise<never>(() => {})

describe('withAnySignal', () => {
  it.each([0, 1])('aborts the work with the reason of signal %i', async (which) => {
    const sources = [new AbortController(), new AbortController()]
    const signals = sources.map(({ signal }) => signal)
    const done = withAnySignal(signals, (signal) => untilAborted(forever, signal))
    sources[which]?.abort(new Error(`of ${which}`))
    sources[1 - which]?.abort(new Error('too late'))
    await expect(done).rejects.toThrow(`of ${which}`)
  })

  it('gives an aborted signal where one is aborted already', async () => {
    const signals = [new AbortController().signal, AbortSignal.abort(new Error('before'))]
    expect(await withAnySignal(signals, async ({ reason }) => String(reason))).toBe('Error: before')
  })

  it('leaves nothing at the signals, whatever becomes of the work', async () => {
    const source = new AbortController()
    const listeners = () => getEventListeners(source.signal, 'abort').length
    await withAnySignal([source.signal], async () => expect(listeners()).toBe(1))
    expect(listeners()).toBe(0)
    await withAnySignal([source.signal], () => Promise.reject(new Error('failed'))).catch(() => undefined)
    expect(listeners()).toBe(0)
    const thrower = (): never => {
      throw new Error('thrown')
    }
    await expect(withAnySignal([source.signal], thrower)).rejects.toThrow('thrown')
    expect(listeners()).toBe(0)
  })
})
