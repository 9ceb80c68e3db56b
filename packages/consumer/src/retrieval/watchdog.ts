/**
 * Why nothing comes, told apart: the service has nothing (`no-data`), nobody asks (`no-demand`), a batch is still being
 * processed (`slow-processor`), calls fail (`troubled`), or the connection is dead though it looks open
 * (`dead-connection`), which alone is a reason to cut it.
 *
 * Two tables and a verdict. Demand is what the consumer does, the line what was heard of the service last. Silence
 * counts only while somebody asks and the service owes a word: no slow processor makes a connection look dead.
 */
import type { Clock, Logger, Timer } from '@millrace/std'

export type ReaderCondition =
  | 'flowing'
  /** The service says that there is nothing. */
  | 'no-data'
  /** Nobody calls `next`, and no records are out. */
  | 'no-demand'
  /** Records are out longer than the limit. */
  | 'slow-processor'
  /** Calls fail, and are repeated. */
  | 'troubled'
  /** Somebody waits, and nothing is heard: neither data nor heartbeat. */
  | 'dead-connection'

export type DemandEvent =
  /** Somebody waits for a batch. */
  | 'asked'
  | 'gave-records'
  | 'gave-nothing'
  /** The limit of the state is over. */
  | 'late'

export type LineEvent =
  /** A call begins: from now on the service owes a word. */
  | 'opened'
  /** It ended as it should. */
  | 'closed'
  | 'records'
  /** An answer or event without records. */
  | 'heartbeat'
  | 'trouble'
  | 'silence'

type Demand = 'asked' | 'quiet' | 'unasked' | 'out' | 'overdue'
type Line = 'new' | 'data' | 'heartbeats' | 'troubled' | 'silent'

const demands: Readonly<Record<Demand, Readonly<Record<DemandEvent, Demand>>>> = {
  asked: { asked: 'asked', 'gave-records': 'out', 'gave-nothing': 'quiet', late: 'asked' },
  quiet: { asked: 'asked', 'gave-records': 'out', 'gave-nothing': 'quiet', late: 'unasked' },
  unasked: { asked: 'asked', 'gave-records': 'out', 'gave-nothing': 'quiet', late: 'unasked' },
  out: { asked: 'asked', 'gave-records': 'out', 'gave-nothing': 'quiet', late: 'overdue' },
  overdue: { asked: 'asked', 'gave-records': 'out', 'gave-nothing': 'quiet', late: 'overdue' },
}

const word = { records: 'data', heartbeat: 'heartbeats', trouble: 'troubled', silence: 'silent' } as const
const lines: Readonly<Record<Line, Readonly<Record<LineEvent, Line>>>> = {
  new: { ...word, opened: 'new', closed: 'new' },
  data: { ...word, opened: 'data', closed: 'data' },
  heartbeats: { ...word, opened: 'heartbeats', closed: 'heartbeats' },
  troubled: { ...word, opened: 'troubled', closed: 'troubled' },
  silent: { ...word, opened: 'silent', closed: 'silent' },
}

const whileAsked = {
  new: 'flowing',
  data: 'flowing',
  heartbeats: 'no-data',
  troubled: 'troubled',
  silent: 'dead-connection',
} as const
const always = (condition: ReaderCondition): Readonly<Record<Line, ReaderCondition>> => ({
  new: condition,
  data: condition,
  heartbeats: condition,
  troubled: condition,
  silent: condition,
})
const conditions: Readonly<Record<Demand, Readonly<Record<Line, ReaderCondition>>>> = {
  asked: whileAsked,
  quiet: whileAsked,
  unasked: always('no-demand'),
  out: always('flowing'),
  overdue: always('slow-processor'),
}

/** In ms. */
export interface WatchdogLimits {
  /** Somebody waits, a call is open, and nothing is heard for so long: the connection is dead. */
  readonly silenceMs: number
  /** A batch is out for so long: the processor is slow. */
  readonly slowProcessorMs: number
  /** Nobody asks for so long. */
  readonly noDemandMs: number
}

export interface WatchState {
  readonly demand: Demand
  readonly line: Line
  /** The service owes a word. */
  readonly isOpen: boolean
  /** On the monotonic clock. */
  readonly demandAtMs: number
  readonly wordAtMs: number
}

export function firstState(nowMs: number): WatchState {
  return { demand: 'quiet', line: 'new', isOpen: false, demandAtMs: nowMs, wordAtMs: nowMs }
}

export function step(state: WatchState, event: DemandEvent | LineEvent, nowMs: number): WatchState {
  if (isDemandEvent(event)) return { ...state, demand: demands[state.demand][event], demandAtMs: nowMs }
  const isOpen = event !== 'closed' && event !== 'trouble' && event !== 'silence'
  return { ...state, line: lines[state.line][event], isOpen, wordAtMs: nowMs }
}

export function conditionOf({ demand, line }: WatchState): ReaderCondition {
  return conditions[demand][line]
}

/** What happens by itself, and when, if nothing else does. */
export function dueOf(
  { demand, isOpen, demandAtMs, wordAtMs }: WatchState,
  { silenceMs, slowProcessorMs, noDemandMs }: WatchdogLimits,
): { readonly event: 'late' | 'silence'; readonly atMs: number } | undefined {
  switch (demand) {
    case 'asked':
      return isOpen ? { event: 'silence', atMs: Math.max(demandAtMs, wordAtMs) + silenceMs } : undefined
    case 'quiet':
      return { event: 'late', atMs: demandAtMs + noDemandMs }
    case 'out':
      return { event: 'late', atMs: demandAtMs + slowProcessorMs }
    case 'unasked':
    case 'overdue':
      return undefined
  }
}

function isDemandEvent(event: DemandEvent | LineEvent): event is DemandEvent {
  return Object.hasOwn(demands.asked, event)
}

export interface WatchdogOptions {
  readonly limits: WatchdogLimits
  readonly clock: Clock
  readonly logger: Logger
  /** Goes into each line of the log. */
  readonly shard: { readonly stream: string; readonly shardId: string }
  /** Told of each change, once. */
  readonly onCondition: (condition: ReaderCondition) => void
  /** The connection is dead: cut it. */
  readonly onSilence: () => void
}

/** Conditions that somebody should hear of. */
const warned: ReadonlySet<ReaderCondition> = new Set(['slow-processor', 'dead-connection'])

export class Watchdog implements Disposable {
  readonly #options: WatchdogOptions
  #state: WatchState
  #timer: Timer | undefined
  #timerAtMs = Infinity

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#state = firstState(options.clock.monotonic())
    this.#arm()
  }

  get condition(): ReaderCondition {
    return conditionOf(this.#state)
  }

  saw(event: DemandEvent | LineEvent): void {
    const before = this.condition
    this.#state = step(this.#state, event, this.#options.clock.monotonic())
    if (this.condition !== before) this.#tell(before)
    this.#arm()
    if (event === 'silence') this.#options.onSilence()
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
    // Earlier than any moment: none is set again.
    this.#timerAtMs = -Infinity
  }

  /** A timer that is there and early enough is left alone: most events only put its moment off. */
  #arm(): void {
    const due = dueOf(this.#state, this.#options.limits)
    if (due === undefined || due.atMs >= this.#timerAtMs) return
    const { clock } = this.#options
    this.#timer?.cancel()
    this.#timerAtMs = due.atMs
    this.#timer = clock.setTimer(due.atMs - clock.monotonic(), () => this.#fired(), { unref: true })
  }

  #fired(): void {
    this.#timerAtMs = Infinity
    const due = dueOf(this.#state, this.#options.limits)
    if (due !== undefined && due.atMs <= this.#options.clock.monotonic()) this.saw(due.event)
    else this.#arm()
  }

  #tell(before: ReaderCondition): void {
    const { onCondition, logger, shard } = this.#options
    const condition = this.condition
    onCondition(condition)
    if (warned.has(condition)) logger.warn(`reading a shard: ${condition}`, { ...shard, before })
    else if (warned.has(before)) logger.info(`reading a shard: ${condition}`, { ...shard, before })
    else logger.debug(`reading a shard: ${condition}`, { ...shard, before })
  }
}
