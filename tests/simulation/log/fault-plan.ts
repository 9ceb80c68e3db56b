/** Which calls of a history fail: one, from then on or once, and perhaps a second one while the first is dealt with. */
import type { DiskFault, DiskOperation } from '@millrace/log/testing'
import { faultsAt, isOf, type NamedFault } from './call-faults.ts'
import type { CallSite, DiskCall } from './call-sites.ts'

/** A call of the log, on its way to the disk. */
export interface NamedCall {
  readonly site: CallSite
  readonly pass: number
}

/**
 * How long it lasts: `once`; `life`, every call of that place until the process ends; `mended`, until somebody has mended
 * the disk, under a process that runs, or after several starts that met it.
 */
export const DURATIONS = ['once', 'life', 'mended'] as const
export type Duration = (typeof DURATIONS)[number]

/** The fault that hits while the first one is dealt with: clean-up, another try, the close, the next start. */
export interface Second {
  /** It hits the so manieth place that is passed after the first fault, closing of files aside. From 1. */
  readonly nth: number
  /** Which of the faults that its call can give, modulo their number. */
  readonly draw: number
}

export interface Cell {
  readonly seed: number
  readonly site: CallSite
  readonly pass: number
  readonly fault: NamedFault
  readonly lasts: Duration
  readonly second?: Second
}

/** A lasting fault is met by so many lives before somebody has mended the disk, if none of them runs on under it. */
const LIVES_UNDER_IT = 3
/** After a first fault the second comes in that life or in the next. */
const LIVES_FOR_SECOND = 2

export class FaultPlan {
  readonly #cell: Cell
  /** What fails at each call of a place, from now on. */
  readonly #lasting = new Map<CallSite, NamedFault>()
  /** Places passed since the first fault. */
  readonly #passed = new Set<CallSite>()
  #first: NamedCall | undefined
  #second: { readonly call: NamedCall; readonly fault: NamedFault } | undefined
  #hasSecond = false
  #lives = 0
  #isMended = false

  constructor(cell: Cell) {
    this.#cell = cell
  }

  get hasFirst(): boolean {
    return this.#first !== undefined
  }

  /** Where the second fault hit, with its name. */
  get second(): { readonly site: CallSite; readonly fault: NamedFault } | undefined {
    return this.#second === undefined || !this.#hasSecond
      ? undefined
      : { site: this.#second.call.site, fault: this.#second.fault }
  }

  /** Whether something still fails. */
  get isLasting(): boolean {
    return this.#lasting.size > 0
  }

  /** Whether the disk is to be mended while a process runs. */
  get isMendedInLife(): boolean {
    return this.#cell.lasts === 'mended'
  }

  /** Whether such calls are to be named: what it costs to look at the stack is worth it for few. */
  isNamed(call: DiskCall): boolean {
    if (this.#cell.second !== undefined && this.hasFirst && !this.#hasSecond) return call !== 'close'
    const isOwn = (site: CallSite): boolean => site.endsWith(` ${call}`)
    if (!this.hasFirst) return isOwn(this.#cell.site)
    return [...this.#lasting.keys()].some(isOwn)
  }

  /** Hears of each named call as it is made. */
  note(call: NamedCall): void {
    const { second } = this.#cell
    if (second === undefined || !this.hasFirst || this.#second !== undefined) return
    // Where a fault lasts, it is there already.
    if (this.#lasting.has(call.site) || this.#passed.has(call.site)) return
    this.#passed.add(call.site)
    if (this.#passed.size < second.nth) return
    const faults = faultsAt(call.site)
    const fault = faults[second.draw % faults.length]
    if (fault !== undefined) this.#second = { call, fault }
  }

  faultOf(call: NamedCall, operation: DiskOperation): DiskFault | undefined {
    const { site, pass, fault } = this.#cell
    if (this.#first === undefined) {
      if (call.site !== site || call.pass !== pass || !isOf(fault, operation)) return undefined
      this.#first = call
      return this.#fail(site, fault, operation)
    }
    if (!this.#hasSecond && this.#second?.call === call && isOf(this.#second.fault, operation)) {
      this.#hasSecond = true
      return this.#fail(call.site, this.#second.fault, operation)
    }
    const lasting = this.#lasting.get(call.site)
    return lasting === undefined || !isOf(lasting, operation) ? undefined : lasting.of(operation)
  }

  /** Nothing fails any longer. */
  mend(): void {
    this.#lasting.clear()
    this.#isMended = true
  }

  /** A life has ended; whether that was the last one on this disk. `isLast`: the history would end here. */
  endLife(isLast: boolean): boolean {
    if (this.#first === undefined) return isLast
    this.#lives++
    if (this.#cell.lasts === 'life') this.mend()
    const isOver = this.#isMended || (this.#cell.lasts === 'mended' ? this.#lives >= LIVES_UNDER_IT : true)
    return isOver && (this.#cell.second === undefined || this.#hasSecond || this.#lives >= LIVES_FOR_SECOND)
  }

  #fail(site: CallSite, fault: NamedFault, operation: DiskOperation): DiskFault {
    if (this.#cell.lasts !== 'once' && !this.#isMended) this.#lasting.set(site, fault)
    return fault.of(operation)
  }
}
