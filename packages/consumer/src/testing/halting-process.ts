/** A process that may stand still: time goes on, and what rang or was answered meanwhile is heard behind it, timers first. */
import { type Clock, type Deferred, deferred, type Timer } from '@millrace/std'
import type { LeaseStore } from '../leases/lease-store.ts'
import type { StreamService } from '../service.ts'

export class HaltingProcess {
  readonly clock: Clock
  #missed: (() => void)[] = []
  #halted: Deferred<void> | undefined

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delayMs, callback) => this.#setTimer(clock, delayMs, callback),
    }
  }

  /** `store` as this process sees it. */
  seen(store: LeaseStore): LeaseStore {
    const heard = this.#heard
    return {
      beat: (...args) => heard(store.beat(...args)),
      create: (...args) => heard(store.create(...args)),
      update: (...args) => heard(store.update(...args)),
      remove: (...args) => heard(store.remove(...args)),
      leave: (...args) => heard(store.leave(...args)),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
  }

  /** The same of the service. */
  seenService(service: StreamService): StreamService {
    const heard = this.#heard
    async function* events(...args: Parameters<StreamService['subscribeToShard']>) {
      for await (const event of service.subscribeToShard(...args)) yield await heard(Promise.resolve(event))
    }
    return {
      ...service,
      describeStreamSummary: (...args) => heard(service.describeStreamSummary(...args)),
      listShards: (...args) => heard(service.listShards(...args)),
      getShardIterator: (...args) => heard(service.getShardIterator(...args)),
      getRecords: (...args) => heard(service.getRecords(...args)),
      describeStreamConsumer: (...args) => heard(service.describeStreamConsumer(...args)),
      registerStreamConsumer: (...args) => heard(service.registerStreamConsumer(...args)),
      subscribeToShard: events,
    }
  }

  /** Stands still while `others` lets time pass. */
  async halt(others: () => Promise<unknown>): Promise<void> {
    const halted = (this.#halted = deferred<void>())
    await others()
    this.#halted = undefined
    for (const ring of this.#missed.splice(0)) ring()
    halted.resolve()
  }

  readonly #heard = async <T>(answer: Promise<T>): Promise<T> => {
    await answer.catch(() => undefined)
    await this.#halted?.promise
    return answer
  }

  #setTimer(clock: Clock, delayMs: number, callback: () => void): Timer {
    let isCancelled = false
    const ring = (): void => {
      if (!isCancelled) callback()
    }
    const timer = clock.setTimer(delayMs, () => (this.#halted === undefined ? ring() : this.#missed.push(ring)))
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }
}
