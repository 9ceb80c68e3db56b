/**
 * Plans of the scalings that are under way. A plan follows from the stream, so nothing is lost with it; but it looks at
 * every shard, and a scaling of thousands of shards has hundreds of rounds. One for each stream that is being scaled.
 */
import { streamId } from '../catalog/keys.ts'
import { type PlanOf, ScalePlan } from '../streams/scale.ts'
import type { StreamKey } from '../streams/stream.ts'

interface Kept {
  readonly bornS: number
  readonly target: number
  readonly firstShard: number
  readonly plan: ScalePlan
}

export class ScalePlans {
  readonly #plans = new Map<string, Kept>()

  /** The plan of the scaling that the stream is in, whatever round it is in. */
  readonly planOf: PlanOf = (stream, { target, firstShard }) => {
    const id = streamId(stream)
    const { bornS } = stream
    const kept = this.#plans.get(id)
    if (kept?.bornS === bornS && kept.target === target && kept.firstShard === firstShard) return kept.plan
    const plan = new ScalePlan(stream, { target, firstShard })
    this.#plans.set(id, { bornS, target, firstShard, plan })
    return plan
  }

  /** The stream is scaled no more. */
  forget(key: StreamKey): void {
    this.#plans.delete(streamId(key))
  }

  /** How many plans are kept. */
  get size(): number {
    return this.#plans.size
  }
}
