/**
 * Two loads run in turn, A B A B …, so that a machine that slows down slows both; the ratio is taken round by round.
 */
import { load, type LoadOptions, type LoadResult } from './raw-client.ts'
import type { MeasuredProcess } from './processes.ts'

export interface Side {
  readonly process: MeasuredProcess
  readonly request: LoadOptions['request']
  /** What one request is worth, e.g. 500 records. */
  readonly unitsPerRequest: number
}

export interface SideResult {
  readonly unitsPerSecond: readonly number[]
  readonly cpuSecondsPerUnit: readonly number[]
  readonly latency: readonly LoadResult['latencyMs'][]
}

export interface PairOptions {
  readonly rounds: number
  readonly durationMs: number
  readonly connections: number
  /** Ends a round before its time, when so many were asked. Default: it does not. */
  readonly requestsMax?: number
  /** Not counted. Default 1. */
  readonly warmUpRounds?: number
}

/** Every side once per round, after rounds that are not counted. */
export async function inTurn(sides: readonly Side[], options: PairOptions): Promise<SideResult[]> {
  const results = sides.map(() => ({
    unitsPerSecond: [] as number[],
    cpuSecondsPerUnit: [] as number[],
    latency: [] as LoadResult['latencyMs'][],
  }))
  const { rounds, warmUpRounds = 1 } = options
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const cpuBefore = side.process.cpuSeconds()
      const { requests, seconds, latencyMs } = await load({
        port: side.process.port,
        connections: options.connections,
        durationMs: options.durationMs,
        ...(options.requestsMax === undefined ? {} : { requestsMax: options.requestsMax }),
        request: side.request,
      })
      if (round < 0) continue
      const units = requests * side.unitsPerRequest
      results[i]?.unitsPerSecond.push(units / seconds)
      results[i]?.cpuSecondsPerUnit.push((side.process.cpuSeconds() - cpuBefore) / units)
      results[i]?.latency.push(latencyMs)
    }
  }
  return results
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** The ratio of `a` to `b`, round by round: median, lowest, highest. */
export function ratio(a: SideResult, b: SideResult): { median: number; min: number; max: number } {
  const ratios = a.unitsPerSecond.map((value, i) => value / (b.unitsPerSecond[i] ?? Number.NaN))
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}
