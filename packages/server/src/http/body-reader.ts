/**
 * Reads one request body into one piece of memory, within the bound of one body, the budget of all, and its time.
 * Settles exactly once; after that it neither reads nor holds anything.
 */
import { assert } from '@millrace/std'
import type { BodyBudget, BodyClaim } from './body-budget.ts'
import type { Deadline } from './deadlines.ts'
import type { BodySource } from './exchange.ts'
import { freeMemory } from '../memory/free-memory.ts'
import { takeMemory } from '../memory/recycled-memory.ts'
import { LargeBody } from './large-body.ts'
import type { FrontDoorLimits } from './limits.ts'

export type BodyOutcome =
  /** `claim` is still held: release it once the answer is given. */
  | { readonly kind: 'complete'; readonly body: Uint8Array; readonly claim: BodyClaim }
  | { readonly kind: 'too-large' | 'too-slow' | 'no-room' | 'gone' }

export interface BodyReaderOptions {
  readonly source: BodySource
  /** From `content-length`, if announced. Already known to be within the bound. */
  readonly length: number | undefined
  readonly limits: FrontDoorLimits
  readonly budget: BodyBudget
  /** The deadline of the request, whose phase this is. */
  readonly deadline: Deadline
}

/** Bodies up to this are kept in the pieces in which they came until they are complete: no page is mapped for them. */
const LARGE_BYTES_MIN = 1024 * 1024

export function readBody(options: BodyReaderOptions, settle: (outcome: BodyOutcome) => void): void {
  const { source, length, limits, budget, deadline } = options
  const chunks: Buffer[] = []
  let large: LargeBody | undefined
  let received = 0
  let settled = false

  const claim = budget.claim({
    resume: () => source.resume(),
    giveUp: () => finish({ kind: 'no-room' }),
  })
  deadline.restart(limits.bodyMs, () => finish({ kind: 'too-slow' }))

  const finish = (outcome: BodyOutcome): void => {
    if (settled) return
    settled = true
    source.off('data', onData)
    source.off('end', onEnd)
    source.off('close', onClose)
    if (outcome.kind === 'complete') claim.complete()
    else {
      claim.release()
      freeMemory(...chunks)
      large?.free()
    }
    settle(outcome)
  }
  const onData = (chunk: Buffer): void => {
    // Asked for now: a piece that has been copied and freed has no length any more.
    const { length: arrived } = chunk
    received += arrived
    if (received > limits.bodyBytesMax) {
      finish({ kind: 'too-large' })
      return
    }
    chunks.push(chunk)
    if (received > LARGE_BYTES_MIN) {
      large ??= new LargeBody(limits.bodyBytesMax)
      const pieces = chunks.splice(0)
      for (const piece of pieces) large.append(piece)
      freeMemory(...pieces)
    }
    // What is complete does not wait: only a sender with more to come is paused.
    if (!claim.grow(arrived) && received !== length) source.pause()
  }
  const onEnd = (): void => {
    if (length !== undefined && received !== length) {
      finish({ kind: 'gone' })
      return
    }
    finish({ kind: 'complete', body: large?.bytes() ?? joined(chunks, received), claim })
  }
  const onClose = (): void => finish({ kind: 'gone' })

  source.on('data', onData)
  source.on('end', onEnd)
  source.on('close', onClose)
}

function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  const [only] = chunks
  if (chunks.length === 1 && only !== undefined) return only
  const whole = takeMemory(bytes)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  freeMemory(...chunks)
  // What is behind is another body's.
  assert(at === bytes, 'a chunk is as long as when it came')
  return whole
}
