/** `value` with its bytes as text, so that buffers and plain byte arrays compare equal. */
export function withPlainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(withPlainBytes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withPlainBytes(member)]))
}
