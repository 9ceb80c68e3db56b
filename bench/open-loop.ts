/**
 * An open-loop load: requests fall due at an even pace whether or not those before were answered, and each is timed
 * from when it was due. A request that finds every connection busy waits for one, and that wait counts: no coordinated
 * omission. Only that a timer of ours rings up to a millisecond late does not count.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, HttpAnswer } from './connection.ts'
import { cpuSecondsSince } from './raw-client.ts'

/** Timers have whole milliseconds, and are rounded up. */
const TIMER_LATE_MS = 1.2
/** An answer that takes longer is none. */
const ANSWER_MS_MAX = 30_000

export interface Pace {
  readonly perSecond: number
  readonly durationMs: number
}

export interface OpenLoopOptions extends Pace {
  readonly port: number
  /** How many requests may be under way at once. Default 64. */
  readonly connections?: number
  /** The bytes of request `i`. */
  readonly request: (i: number) => Uint8Array
  /** Told when a request is due, before it is sent: its time on `performance.now()`. */
  readonly due?: (i: number, atMs: number) => void
}

export interface OpenLoopResult {
  readonly requests: number
  readonly latenciesMs: readonly number[]
  /** Processor seconds of this process. */
  readonly clientCpuSeconds: number
}

export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { port, perSecond, durationMs, connections = 64, request, due } = options
  const count = Math.max(1, Math.floor((perSecond * durationMs) / 1000))
  const cpuBefore = process.cpuUsage()
  const latencies: number[] = []
  const all: Connection[] = []
  const waiting: { readonly i: number; readonly dueMs: number }[] = []
  let answered: () => void = () => undefined
  let failed: (error: Error) => void = () => undefined
  const done = new Promise<void>((resolve, reject) => {
    answered = resolve
    failed = reject
  })
  const opened = Array.from({ length: connections }, () => Connection.open(port, new HttpAnswer(), failed))
  all.push(...(await Promise.all(opened)))
  const idle = [...all]
  const send = (): void => {
    while (waiting.length > 0) {
      // The one that has rested longest, so that none is closed by the server for resting.
      const connection = idle.shift()
      const next = connection === undefined ? undefined : waiting.shift()
      if (connection === undefined || next === undefined) return
      connection.ask(request(next.i), () => {
        latencies.push(performance.now() - next.dueMs)
        idle.push(connection)
        if (latencies.length === count) answered()
        else send()
      })
    }
  }
  const pace = async (): Promise<void> => {
    const startedAt = performance.now()
    for (let i = 0; i < count;) {
      const now = performance.now()
      for (; i < count; i++) {
        const planned = startedAt + (i * 1000) / perSecond
        if (planned > now) break
        const dueMs = now - planned <= TIMER_LATE_MS ? now : planned
        due?.(i, dueMs)
        waiting.push({ i, dueMs })
      }
      send()
      if (i < count) await sleep(Math.max(1, Math.floor(startedAt + (i * 1000) / perSecond - performance.now())))
    }
  }
  const late = setTimeout(
    () => failed(new Error(`${latencies.length} of ${count} requests were answered`)),
    durationMs + ANSWER_MS_MAX,
  )
  try {
    await Promise.all([pace(), done])
  } finally {
    clearTimeout(late)
    for (const connection of all) connection.close()
  }
  return { requests: count, latenciesMs: latencies, clientCpuSeconds: cpuSecondsSince(cpuBefore) }
}
