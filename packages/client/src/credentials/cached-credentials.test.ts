import { silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { CredentialsError } from '../errors.ts'
import { CachedCredentials } from './cached-credentials.ts'
import type { Credentials, CredentialsProvider } from './credentials.ts'

const MINUTE_MS = 60_000
const never = new AbortController().signal

/** A source of keys good for an hour, that can be told to fail. */
function source(clock: VirtualClock) {
  const state = { asked: 0, failing: false }
  const provider: CredentialsProvider = () => {
    state.asked++
    return state.failing
      ? Promise.reject(new CredentialsError('down', { retryable: true }))
      : Promise.resolve({
          accessKeyId: `K${state.asked}`,
          secretAccessKey: 's',
          expiresAtMs: clock.now() + 60 * MINUTE_MS,
        })
  }
  return { state, cached: new CachedCredentials(provider, clock, silentLogger) }
}

async function keyNow(cached: CachedCredentials): Promise<string> {
  const { accessKeyId } = await cached.get(never)
  // Let a renewal in the background finish.
  await new Promise((resolve) => setImmediate(resolve))
  return accessKeyId
}

describe('CachedCredentials', () => {
  it('asks once for all who wait, and not again while the keys are good', async () => {
    const clock = new VirtualClock()
    const { state, cached } = source(clock)
    const keys = await Promise.all([cached.get(never), cached.get(never), cached.get(never)])
    clock.advance(54 * MINUTE_MS)
    keys.push(await cached.get(never))
    expect(new Set(keys.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['K1']))
    expect(state.asked).toBe(1)
  })

  it('renews five minutes before the end, while calls go on with the old keys', async () => {
    const clock = new VirtualClock()
    const { cached } = source(clock)
    await keyNow(cached)
    clock.advance(56 * MINUTE_MS)
    expect(await keyNow(cached)).toBe('K1')
    expect(await keyNow(cached)).toBe('K2')
  })

  it('goes on with keys that are still good when the source fails, and asks again half a minute later', async () => {
    const clock = new VirtualClock()
    const { state, cached } = source(clock)
    await keyNow(cached)
    clock.advance(56 * MINUTE_MS)
    state.failing = true
    expect([await keyNow(cached), await keyNow(cached)]).toEqual(['K1', 'K1'])
    expect(state.asked).toBe(2)
    state.failing = false
    clock.advance(31_000)
    await keyNow(cached)
    expect(await keyNow(cached)).toBe('K3')
  })

  it('does not sign with keys that are over: the error of the source is reported', async () => {
    const clock = new VirtualClock()
    const { state, cached } = source(clock)
    await keyNow(cached)
    state.failing = true
    clock.advance(60 * MINUTE_MS)
    await expect(cached.get(never)).rejects.toThrow('down')
    state.failing = false
    expect(await keyNow(cached)).toBe('K3')
  })

  it('lets one caller give up without ending the wait of the others', async () => {
    const answer: { give: (credentials: Credentials) => void } = { give: () => {} }
    const provider = () => new Promise<Credentials>((resolve) => (answer.give = resolve))
    const cached = new CachedCredentials(provider, new VirtualClock(), silentLogger)
    const controller = new AbortController()
    const gaveUp = cached.get(controller.signal)
    const patient = cached.get(never)
    controller.abort(new Error('enough'))
    await expect(gaveUp).rejects.toThrow('enough')
    answer.give({ accessKeyId: 'K', secretAccessKey: 's' })
    expect((await patient).accessKeyId).toBe('K')
  })

  it('forgets keys that the service rejected, unless they were replaced meanwhile', async () => {
    const clock = new VirtualClock()
    const { state, cached } = source(clock)
    const first = await cached.get(never)
    expect(cached.reject(first)).toBe(true)
    expect(await keyNow(cached)).toBe('K2')
    cached.reject(first)
    expect(await keyNow(cached)).toBe('K2')
    expect(state.asked).toBe(2)
  })

  it('cannot renew fixed keys', () => {
    const fixed = { accessKeyId: 'K', secretAccessKey: 's' }
    expect(new CachedCredentials(fixed, new VirtualClock(), silentLogger).reject(fixed)).toBe(false)
  })
})
