/**
 * One server from its start to its end: the real service and its dispatcher on whatever engine is handed in. Requests
 * come in as bytes and go out as bytes. A server that has died answers nobody, whatever is still running in it.
 */
import type { Random } from '@millrace/std'
import { silentLogger, systemClock } from '@millrace/std'
import type { VirtualClock } from '@millrace/std/testing'
import type { Plan } from './plan.ts'
import {
  BodyWorker,
  createDispatch,
  createHostPolicy,
  createPages,
  type Dispatch,
  type Engine,
  lendingEngine,
  openFrontDesk,
  Service,
} from './server-parts.ts'

export const ACCOUNT = '123456789012'
export const REGION = 'us-east-1'

/** Bodies stay far below what would start its thread, so one will do for all worlds. */
const bodies = new BodyWorker({
  bytesMin: 1 << 24,
  queueMax: 1,
  idleMs: 1_000,
  clock: systemClock,
  logger: silentLogger,
})
const hosts = createHostPolicy({ allowedHosts: undefined, corsOrigins: [] })
const pages = createPages({
  readiness: () => ({ ready: true, notes: [] }),
  metrics: async () => ({ contentType: 'text/plain', text: '' }),
})

export class ServerLife {
  readonly dispatch: Dispatch
  isDead = false
  readonly #service: Service

  private constructor(service: Service, dispatch: Dispatch) {
    this.#service = service
    this.dispatch = dispatch
  }

  static async begin(engine: Engine, clock: VirtualClock, random: Random, plan: Plan): Promise<ServerLife> {
    const service = await Service.open({ engine: lendingEngine(engine), clock, random, options: plan.settings })
    const dispatch = createDispatch({
      service,
      ...openFrontDesk({ mode: 'none', account: ACCOUNT, region: REGION, seal: service.seal, clock, random }),
      bodies,
      hosts,
      pages,
      limits: { handlingMs: plan.handlingMs },
      clock,
      random,
      logger: silentLogger,
      onAnswer: () => undefined,
    })
    return new ServerLife(service, dispatch)
  }

  /** The orderly end of the service; the engine is its owner's. */
  close(): Promise<void> {
    return this.#service.close()
  }
}
