/** Metadata that nobody wants to know: for who recovers a log to look at its files. */
import type { Metadata } from './api.ts'

export const NO_METADATA: Metadata = { restore() {}, apply() {}, snapshot: () => new Uint8Array(0) }
