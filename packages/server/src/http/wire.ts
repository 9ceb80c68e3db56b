/**
 * A request and an answer as values, without a socket. The listener makes one and writes the other; simulation,
 * embedding and tests do the same by hand.
 */
import type { Peer } from '../operations/operation.ts'

export type { Peer } from '../operations/operation.ts'

export interface WireRequest {
  /** UUID; answered as `x-amzn-RequestId`. */
  readonly id: string
  readonly method: string
  /** Path and query as they stood on the wire, undecoded. */
  readonly url: string
  /** Lower-case names; values of repeated headers joined with `,`. HTTP/2: `:authority` is here too. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole body. */
  readonly body: Uint8Array
  /**
   * Called by whoever handles the request and vouches that nobody will look at the body, or at any view of it, again: the
   * next large body may be read into its memory once the answer is written. Never called: the collector gets it.
   */
  readonly bodyIsDone?: () => void
  /** Where it came from. Absent: nowhere, it was made by hand. */
  readonly peer?: Peer
  /** Aborted when the client went away or the service stops. */
  readonly signal: AbortSignal
}

export interface WireResponse {
  readonly status: number
  /** Without `content-length`, `date` and hop-by-hop headers, which the listener adds. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: WireBody
}

/** Pieces are written one after the other. An iterable is an event stream: each event in pieces, written as it comes. */
export type WireBody = readonly Uint8Array[] | AsyncIterable<readonly Uint8Array[]>

export type Dispatch = (request: WireRequest) => Promise<WireResponse>
