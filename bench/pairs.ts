/**
 * Loads run in turn, A B A B …, so that a machine that slows down slows all of them; ratios are taken round by round.
 */
import type { MeasuredProcess } from './processes.ts'
import { load, type LoadOptions, type LoadResult } from './raw-client.ts'

export interface Side extends Pick<LoadOptions, 'request' | 'reader'> {
  readonly process: MeasuredProcess
  /** What one request is worth, e.g. 500 records. */
  readonly unitsPerRequest: number
  /** Default: as many as the others have. */
  readonly connections?: number
}

/** One figure a round of each. */
export interface SideResult {
  readonly unitsPerSecond: readonly number[]
  readonly cpuSecondsPerUnit: readonly number[]
  /** The load generator's processor time, of the server's. */
  readonly clientShare: readonly number[]
  readonly latency: readonly LoadResult['latencyMs'][]
  /** The most that was resident in any round. */
  readonly peakMiB: number
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
    clientShare: [] as number[],
    latency: [] as LoadResult['latencyMs'][],
    peakMiB: 0,
  }))
  const { rounds, warmUpRounds = 1, ...loadOptions } = options
  for (const { process } of sides) process.resetPeak()
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (const [
      i,
      { process, request, reader, unitsPerRequest, connections = options.connections },
    ] of sides.entries()) {
      const cpuBefore = process.cpuSeconds()
      const { requests, seconds, latencyMs, clientCpuSeconds } = await load({
        ...loadOptions,
        connections,
        port: process.port,
        request,
        ...(reader === undefined ? {} : { reader }),
      })
      const result = results[i]
      if (round < 0 || result === undefined) continue
      const cpuSeconds = process.cpuSeconds() - cpuBefore
      const units = requests * unitsPerRequest
      result.unitsPerSecond.push(units / seconds)
      result.cpuSecondsPerUnit.push(cpuSeconds / units)
      result.clientShare.push(clientCpuSeconds / cpuSeconds)
      result.latency.push(latencyMs)
      result.peakMiB = process.peakMiB()
    }
  }
  return results
}
