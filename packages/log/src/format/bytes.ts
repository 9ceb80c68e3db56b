/** Whole numbers above 32 bits as two little-endian words: exact up to 2^53, without a bigint per field. */

const WORD = 2 ** 32

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

// The low word is what setUint32 takes of a larger number, by definition (ToUint32); a remainder of doubles is a call of the
// system's library, and each frame has three of them (bench: `wide`).

export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true)
  view.setUint32(offset + 4, Math.floor(value / WORD), true)
}

export function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * WORD
}

export function setUint48(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true)
  view.setUint16(offset + 4, Math.floor(value / WORD), true)
}

export function getUint48(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint16(offset + 4, true) * WORD
}

/** `bytes` rounded up to whole units. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit
}
