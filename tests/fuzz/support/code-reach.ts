/**
 * Which code of ours was reached, character by character of the sources as they run: V8's precise block coverage. Must
 * be started before the code is loaded: what was compiled without counters has none. One look costs milliseconds,
 * whatever was run: it is for batches, and not for every input (docs/decisions/074).
 */
import { Session } from 'node:inspector/promises'

const OURS = /\/packages\/(std|protocol|log|client|server|cli)\/src\/(?!.*\/testing\/)/

export class CodeReach {
  readonly #session = new Session()
  /** By script: 1 where a character was reached. */
  readonly #reached = new Map<string, Uint8Array>()

  static async start(): Promise<CodeReach> {
    const reach = new CodeReach()
    reach.#session.connect()
    await reach.#session.post('Profiler.enable')
    await reach.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    return reach
  }

  /** Characters reached since the last look that never were before. */
  async look(): Promise<number> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    let fresh = 0
    for (const { scriptId, url, functions } of result) {
      if (!OURS.test(url)) continue
      const seen = new Uint8Array(
        Math.max(0, ...functions.flatMap(({ ranges }) => ranges.map(({ endOffset }) => endOffset))),
      )
      // Outer ranges first: an inner one says more precisely.
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) seen.fill(count > 0 ? 1 : 0, startOffset, endOffset)
      }
      fresh += this.#add(scriptId, seen)
    }
    return fresh
  }

  /** Everything counts as never reached again. */
  forget(): void {
    this.#reached.clear()
  }

  snapshot(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#reached].map(([script, reached]) => [script, reached.slice()]))
  }

  restore(snapshot: ReadonlyMap<string, Uint8Array>): void {
    this.#reached.clear()
    for (const [script, reached] of snapshot) this.#reached.set(script, reached.slice())
  }

  get characters(): number {
    let total = 0
    for (const reached of this.#reached.values()) for (const character of reached) total += character
    return total
  }

  #add(script: string, seen: Uint8Array): number {
    const before = this.#reached.get(script)
    const reached = before === undefined || before.length < seen.length ? new Uint8Array(seen.length) : before
    if (before !== undefined && reached !== before) reached.set(before)
    let fresh = 0
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === 0 || reached[at] === 1) continue
      reached[at] = 1
      fresh++
    }
    this.#reached.set(script, reached)
    return fresh
  }
}
