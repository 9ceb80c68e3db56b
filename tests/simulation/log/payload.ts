/**
 * Bytes that say who they are: every part of an append and every metadata change carries its own number, so that
 * whatever comes back from a log can be held against what was put in.
 */
const HEADER_BYTES = 10

/** `id` and `records` and the length stand in front; the rest tells one payload from another at every byte. */
export function makePayload(id: number, records: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEADER_BYTES, length))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, id)
  view.setUint32(4, bytes.length)
  view.setUint16(8, records)
  for (let i = HEADER_BYTES; i < bytes.length; i++) bytes[i] = (id * 31 + i * 7 + (i >> 8)) & 0xff
  return bytes
}

export interface FoundPayload {
  readonly id: number
  readonly records: number
  readonly bytes: Uint8Array
}

/** Takes the payloads of one frame apart: parts of one ledger and commit lie end to end. */
export function splitPayloads(frame: Uint8Array): FoundPayload[] {
  const found: FoundPayload[] = []
  for (let offset = 0; offset < frame.length;) {
    const view = new DataView(frame.buffer, frame.byteOffset + offset)
    const length = frame.length - offset < HEADER_BYTES ? 0 : view.getUint32(4)
    if (length < HEADER_BYTES || offset + length > frame.length) {
      throw new Error(`a frame of ${frame.length} bytes holds no whole payload at ${offset}`)
    }
    found.push({ id: view.getUint32(0), records: view.getUint16(8), bytes: frame.slice(offset, offset + length) })
    offset += length
  }
  return found
}
