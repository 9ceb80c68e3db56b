/**
 * A service on the memory engine and a virtual clock, for tests: the one place where they touch its interface. Time
 * stands still unless a test moves it.
 */
import type { KinesisError, Operation } from '@millrace/protocol'
import type { Logger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'

import type { MasterKeys } from '../encryption/master-keys.ts'
import type { Engine } from '../engine/engine.ts'
import { createMemoryEngine, type MemoryEngine } from '../engine/memory/memory-engine.ts'
import type { OperationContext } from '../operations/operation.ts'
import { Service, type ServiceSettings } from '../service.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { lendingEngine } from './lending-engine.ts'

export const ACCOUNT = '123456789012'
export const REGION = 'us-east-1'

const DEADLINE_MS = 60_000

export interface HarnessOptions {
  readonly settings?: ServiceSettings
  readonly clock?: VirtualClock
  readonly memory?: MemoryEngine
  readonly masterKeys?: MasterKeys
  /** Puts something between the service and the memory engine. */
  readonly wrap?: (engine: Engine) => Engine
  readonly logger?: Logger
  readonly metrics?: ServiceMetrics
  readonly seed?: number
}

export class ServiceHarness implements AsyncDisposable {
  readonly clock: VirtualClock
  readonly memory: MemoryEngine
  readonly service: Service

  private constructor(clock: VirtualClock, memory: MemoryEngine, service: Service) {
    this.clock = clock
    this.memory = memory
    this.service = service
  }

  static async open(options: HarnessOptions = {}): Promise<ServiceHarness> {
    const clock = options.clock ?? new VirtualClock()
    const memory = options.memory ?? createMemoryEngine({ clock })
    const service = await Service.open({
      engine: lendingEngine(options.wrap?.(memory) ?? memory),
      clock,
      random: seededRandom(options.seed ?? 1),
      ...(options.masterKeys === undefined ? {} : { masterKeys: options.masterKeys }),
      ...(options.logger === undefined ? {} : { logger: options.logger }),
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
      // Limits have tests of their own; elsewhere they would only be in the way.
      options: { shardLimits: 'off', ...options.settings },
    })
    return new ServiceHarness(clock, memory, service)
  }

  /** Calls an operation; `context` replaces parts of the usual one. */
  async call<I, O>(operation: Operation<I, O>, input: I, context: Partial<OperationContext> = {}): Promise<O> {
    const output = await this.service.execute(operation.name, input, {
      account: ACCOUNT,
      region: REGION,
      requestId: 'request',
      deadlineMs: this.clock.monotonic() + DEADLINE_MS,
      signal: new AbortController().signal,
      ...context,
    })
    return output as O
  }

  /** The error of a call that must fail, as `Type: message`. */
  async fault<I, O>(operation: Operation<I, O>, input: I, context: Partial<OperationContext> = {}): Promise<string> {
    try {
      await this.call(operation, input, context)
    } catch (error) {
      const { type, message } = error as KinesisError
      return message === '' ? type : `${type}: ${message}`
    }
    return 'no error'
  }

  /** Moves time, and lets everything that became due run. */
  async advance(ms: number, stepMs = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left))
      await idle()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close()
  }
}

/** Lets promises settle: the memory engine answers without real time passing. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
