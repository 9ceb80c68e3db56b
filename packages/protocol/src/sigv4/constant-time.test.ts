/**
 * A comparison that ends at the first byte that differs tells a patient caller the signature, byte by byte. Time on a
 * shared machine cannot be tested; that the whole of both goes through Node's own constant-time comparison can.
 */
import type * as Crypto from 'node:crypto'
import { timingSafeEqual } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { signRequest } from './sign.ts'
import { readSignature } from './signature.ts'
import { SigningKeyCache } from './signing-key.ts'
import { verifySignature } from './verify.ts'

// Files of one worker share their modules: here they are loaded anew, with the comparison that is watched.
vi.hoisted(() => vi.resetModules())

vi.mock('node:crypto', async (load) => {
  const crypto = await load<typeof Crypto>()
  return { ...crypto, timingSafeEqual: vi.fn<typeof crypto.timingSafeEqual>(crypto.timingSafeEqual) }
})

const compared = vi.mocked(timingSafeEqual)
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const nowMs = Date.UTC(2026, 1, 28, 23, 59, 58)

/** What verifying says of a request whose signature begins with other digits, or ends with them. */
function verdictOf(bend: (signature: string) => string): string {
  const request = { method: 'POST', url: '/', headers: { host: 'localhost:4567' }, body: new Uint8Array(3) }
  const added = signRequest(request, { accessKeyId: 'AKIDEXAMPLE', secretAccessKey, region: 'eu-west-1', nowMs })
  const authorization = (added['authorization'] ?? '').replace(
    /Signature=(.*)/,
    (_, true_) => `Signature=${bend(true_)}`,
  )
  const wire = { ...request, headers: { ...request.headers, ...added, authorization } }
  try {
    verifySignature(readSignature(wire), wire, { secretAccessKey, nowMs, keys: new SigningKeyCache() })
    return 'true'
  } catch (error) {
    return (error as { type?: string }).type ?? String(error)
  }
}

it.each([
  ['the true signature', (signature: string) => signature, 'true'],
  ['another first digit', (signature: string) => (signature[0] === '0' ? '1' : '0') + signature.slice(1), 'false'],
  [
    'another last digit',
    (signature: string) => signature.slice(0, -1) + (signature.endsWith('0') ? '1' : '0'),
    'false',
  ],
])('%s is compared whole, in constant time', (_, bend, isTrue) => {
  compared.mockClear()
  expect(verdictOf(bend) === 'true').toBe(isTrue === 'true')
  expect(compared).toHaveBeenCalledOnce()
  // 32 bytes in hexadecimal digits, on both sides.
  expect(compared.mock.calls[0]?.map((side) => side.byteLength)).toEqual([64, 64])
})
