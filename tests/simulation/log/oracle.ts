/**
 * What a log owes its users. The oracle is told of everything that was asked of a log and everything it answered, as
 * a list of events; a moment is the length of that list. `check` holds what a later life shows against a moment:
 *
 * 1. All that was acknowledged or shown is there, once, byte for byte, at its place.
 * 2. Nothing is there that was not asked for, that was refused, or that an earlier recovery had found lost.
 * 3. What is there is a prefix of the commits: nothing is missing below the newest thing found.
 * 4. Order and times of a ledger never step back; a closed ledger ends where it was said to end.
 * 5. Metadata is the list of its changes in order of their commits.
 *
 * Under `os` a loss of power may take what the log did not yet call durable: always the newest, never a hole (3), and
 * what a recovery has shown to be lost stays lost (2).
 */
import { comparePositions, type ClosedLedger, type Ledger, type Position } from '@millrace/log'
import type { Contents, FoundPart, LedgerContents } from './contents.ts'

export interface Placed {
  readonly position: Position
  /** Not known of metadata changes. */
  readonly timeMs: number | undefined
}

type OracleEvent =
  | { readonly kind: 'asked'; readonly id: number }
  | { readonly kind: 'stored'; readonly id: number }
  | { readonly kind: 'refused' | 'lost'; readonly id: number }
  | { readonly kind: 'opening' | 'opened' | 'closing' | 'dropping' | 'dropped'; readonly ledger: Ledger }
  | { readonly kind: 'closed'; readonly ledger: Ledger; readonly closed: ClosedLedger }
  | { readonly kind: 'trimming' | 'trimmed'; readonly ledger: Ledger; readonly beforeMs: number }
  | { readonly kind: 'shown'; readonly ledger: Ledger; readonly end: Position }
  | { readonly kind: 'durable'; readonly commit: number }
  /** What a loss of power has left of a ledger; `undefined`: nothing. */
  | { readonly kind: 'left'; readonly ledger: Ledger; readonly left: LedgerContents | undefined }

interface Asked {
  /** 0: a metadata change. */
  readonly ledger: Ledger
  readonly bytes: Uint8Array
}

/** What is known of one ledger at a moment. */
interface Owed {
  opened: boolean
  opening: boolean
  closing: boolean
  closed: ClosedLedger | undefined
  dropping: boolean
  dropped: boolean
  trimmingMs: number
  trimmedMs: number
  shownEnd: Position | undefined
}

interface Moment {
  readonly asked: ReadonlySet<number>
  readonly stored: ReadonlySet<number>
  /** Refused, or found lost by a recovery. */
  readonly gone: ReadonlySet<number>
  /** Up to this commit the log has said all to be durable. Under `fsync` what was acknowledged is, and 0 stands here. */
  readonly durable: number
  readonly ledgers: ReadonlyMap<Ledger, Owed>
}

/** Against what contents are held, beside the moment. */
export interface CheckOptions {
  /** Everything of it is there: a life before showed it. */
  readonly base?: Contents
  /** Under `os` the power was lost: what the log had not called durable may be gone. Default: it was not. */
  readonly isPowerLost?: boolean
}

export class Violation extends Error {
  override readonly name = 'Violation'
}

export class Oracle {
  readonly #events: OracleEvent[] = []
  get events() {
    return this.#events
  }
  readonly #asked = new Map<number, Asked>()
  /** Where each stored thing lies: a place is given once. */
  readonly #placed = new Map<number, Placed>()
  readonly #takenBy = new Map<string, number>()
  #nextId = 1
  #moment: { readonly at: number; readonly moment: Moment } | undefined

  /** Now, as `check` wants it. */
  get now(): number {
    return this.#events.length
  }

  newId(): number {
    return this.#nextId++
  }

  /** Whether `bytes` are what was asked to be stored as `id`. */
  knows(id: number, bytes: Uint8Array): boolean {
    const asked = this.#asked.get(id)
    return asked !== undefined && Buffer.compare(asked.bytes, bytes) === 0
  }

  ask(id: number, ledger: Ledger, bytes: Uint8Array): void {
    this.#asked.set(id, { ledger, bytes })
    this.#events.push({ kind: 'asked', id })
  }

  /** Acknowledged, or read by somebody: from now on it must be there. */
  store(id: number, placed: Placed): void {
    const before = this.#placed.get(id)
    if (before !== undefined && comparePositions(before.position, placed.position) !== 0) {
      throw new Violation(`payload ${id} moved from ${show(before.position)} to ${show(placed.position)}`)
    }
    const place = this.#placeOf(id, placed)
    const taken = this.#takenBy.get(place)
    if (taken !== undefined && taken !== id) throw new Violation(`${place} is given to ${taken} and again to ${id}`)
    this.#takenBy.set(place, id)
    this.#placed.set(id, placed)
    this.#events.push({ kind: 'stored', id })
  }

  note(event: OracleEvent): void {
    this.#events.push(event)
  }

  /** A life begins and shows `contents`: what it shows is stored; what was asked for and is not there is lost. */
  adopt(contents: Contents, isPowerLost = false): void {
    if (isPowerLost) this.#loseRest(contents)
    const found = new Set<number>()
    for (const [ledger, { parts, bounds }] of contents.ledgers) {
      for (const { id, position, timeMs } of parts) {
        found.add(id)
        this.store(id, { position, timeMs })
      }
      this.note({ kind: 'opened', ledger })
      this.note({ kind: 'shown', ledger, end: bounds.end })
    }
    for (const { id, commit } of contents.changes) {
      found.add(id)
      this.store(id, { position: { commit, index: 0 }, timeMs: undefined })
    }
    const { stored, gone } = this.#at(this.now)
    for (const id of this.#asked.keys()) {
      if (!found.has(id) && !stored.has(id) && !gone.has(id)) this.note({ kind: 'lost', id })
    }
    for (const [ledger, owed] of this.#at(this.now).ledgers) {
      if (contents.ledgers.has(ledger) || owed.dropped) continue
      if (owed.opened) this.note({ kind: 'dropped', ledger })
    }
  }

  /** What was stored above all that is left is lost: its places may be given again, and it must not come back. */
  #loseRest(contents: Contents): void {
    const moment = this.#at(this.now)
    const newest = newestCommit(placesIn(contents))
    for (const id of moment.stored) {
      const placed = this.#placed.get(id)
      if (placed === undefined || placed.position.commit <= newest || moment.gone.has(id)) continue
      this.#takenBy.delete(this.#placeOf(id, placed))
      this.note({ kind: 'lost', id })
    }
    for (const ledger of moment.ledgers.keys()) {
      this.note({ kind: 'left', ledger, left: contents.ledgers.get(ledger) })
    }
  }

  #placeOf(id: number, { position }: Placed): string {
    return `${this.#asked.get(id)?.ledger}/${show(position)}`
  }

  /** Holds `contents` against what was owed at `moment`. */
  check(contents: Contents, at: number, { base, isPowerLost = false }: CheckOptions = {}): void {
    const moment = this.#at(at)
    const found = new Map<number, Position>()
    for (const [ledger, { parts, bounds, oldest, state, damaged }] of contents.ledgers) {
      need(damaged.length === 0, () => `a crash alone is reported as damage of ledger ${ledger}`)
      const owed = moment.ledgers.get(ledger)
      need(owed?.opening === true || owed?.opened === true, () => `ledger ${ledger} was never asked for`)
      need(isPowerLost || owed?.dropped !== true, () => `ledger ${ledger} was dropped and is back`)
      this.#checkParts(ledger, parts, moment, isPowerLost ? 0 : (owed?.trimmedMs ?? 0), found)
      checkEnd(ledger, parts, bounds.end)
      this.#checkState(ledger, bounds.end, state, owed, isPowerLost)
      const first = parts[0]?.position ?? bounds.end
      need(
        comparePositions(oldest, first) === 0,
        () => `ledger ${ledger} says it begins at ${show(oldest)}, and begins at ${show(first)}`,
      )
    }
    this.#checkChanges(contents, moment, found)
    this.#checkNothingMissing(contents, moment, found, isPowerLost)
    if (base !== undefined) checkKept(contents, base, found)
  }

  #checkParts(
    ledger: Ledger,
    parts: readonly FoundPart[],
    moment: Moment,
    floorMs: number,
    found: Map<number, Position>,
  ): void {
    let last: FoundPart | undefined
    for (const part of parts) {
      const asked = this.#checkKnown(part.id, part.bytes, part.position, moment, found)
      need(asked.ledger === ledger, () => `payload ${part.id} of ledger ${asked.ledger} is in ledger ${ledger}`)
      if (last !== undefined) {
        const [before, after] = [last, part]
        need(
          comparePositions(before.position, after.position) < 0,
          () => `ledger ${ledger} steps back from ${show(before.position)} to ${show(after.position)}`,
        )
        need(before.timeMs <= after.timeMs, () => `time of ledger ${ledger} steps back at ${show(after.position)}`)
      }
      need(part.timeMs >= floorMs, () => `payload ${part.id} of ledger ${ledger} is below the floor and is shown`)
      const placed = this.#placed.get(part.id)
      if (placed !== undefined && moment.stored.has(part.id)) {
        need(placed.timeMs === part.timeMs, () => `the time of payload ${part.id} has changed`)
      }
      last = part
    }
  }

  #checkState(
    ledger: Ledger,
    end: Position,
    state: 'open' | 'closed' | undefined,
    owed: Owed | undefined,
    isPowerLost: boolean,
  ): void {
    const shown = isPowerLost ? undefined : owed?.shownEnd
    need(
      shown === undefined || comparePositions(end, shown) >= 0,
      () => `ledger ${ledger} was shown to end at ${show(shown ?? end)} and now ends at ${show(end)}`,
    )
    const closed = isPowerLost && state === 'open' ? undefined : owed?.closed
    need(closed === undefined || state === 'closed', () => `ledger ${ledger} was closed and is ${state}`)
    need(
      closed === undefined || comparePositions(end, closed.end) === 0,
      () => `ledger ${ledger} was closed at ${show(closed?.end ?? end)} and ends at ${show(end)}`,
    )
    need(state !== 'closed' || owed?.closing === true || closed !== undefined, () => `nobody closed ledger ${ledger}`)
  }

  #checkChanges(contents: Contents, moment: Moment, found: Map<number, Position>): void {
    let last = 0
    for (const { id, commit } of contents.changes) {
      const asked = this.#checkKnown(id, contents.changeBytes.get(id), { commit, index: 0 }, moment, found)
      need(asked.ledger === 0, () => `payload ${id} of ledger ${asked.ledger} is a metadata change`)
      need(commit > last, () => `metadata steps back from commit ${last} to ${commit}`)
      last = commit
    }
  }

  #checkKnown(
    id: number,
    bytes: Uint8Array | undefined,
    position: Position,
    moment: Moment,
    found: Map<number, Position>,
  ): Asked {
    const asked = this.#asked.get(id)
    if (asked === undefined || !moment.asked.has(id))
      throw new Violation(`payload ${id} is there and was never written`)
    need(!moment.gone.has(id), () => `payload ${id} is there and was refused, or found lost before`)
    need(!found.has(id), () => `payload ${id} is there twice`)
    need(
      bytes === undefined || Buffer.compare(bytes, asked.bytes) === 0,
      () => `payload ${id} at ${show(position)} is not what was written`,
    )
    const placed = this.#placed.get(id)
    need(
      placed === undefined || comparePositions(placed.position, position) === 0,
      () => `payload ${id} is at ${show(position)} and was at ${show(placed?.position ?? position)}`,
    )
    found.set(id, position)
    return asked
  }

  /** All that was stored is there; and so is all else that lies below the newest thing that is. */
  #checkNothingMissing(
    contents: Contents,
    moment: Moment,
    found: ReadonlyMap<number, Position>,
    isPowerLost: boolean,
  ): void {
    for (const [ledger, owed] of moment.ledgers) {
      if (isPowerLost || !owed.opened || owed.dropping || owed.dropped) continue
      need(contents.ledgers.has(ledger), () => `ledger ${ledger} was opened and is not there`)
    }
    const newest = newestCommit(found.values())
    for (const id of moment.asked) {
      if (found.has(id) || moment.gone.has(id)) continue
      const placed = this.#placed.get(id)
      const ledger = this.#asked.get(id)?.ledger ?? 0
      if (placed === undefined || this.#mayBeHidden(ledger, placed, contents, moment)) continue
      const where = `payload ${id} of ledger ${ledger} at ${show(placed.position)}`
      const isOwed = isPowerLost ? placed.position.commit <= moment.durable : moment.stored.has(id)
      need(!isOwed, () => `${where} was ${isPowerLost ? 'durable' : 'acknowledged'} and is lost`)
      need(placed.position.commit > newest, () => `${where} is missing, and commit ${newest} is there`)
    }
  }

  #mayBeHidden(ledger: Ledger, placed: Placed, contents: Contents, moment: Moment): boolean {
    if (ledger === 0) return false
    const owed = moment.ledgers.get(ledger)
    if (!contents.ledgers.has(ledger)) return owed === undefined || owed.dropping || owed.dropped || !owed.opened
    return placed.timeMs !== undefined && placed.timeMs < (owed?.trimmingMs ?? 0)
  }

  #at(at: number): Moment {
    if (this.#moment?.at === at) return this.#moment.moment
    const moment = replay(this.#events, at)
    this.#moment = { at, moment }
    return moment
  }
}

function checkEnd(ledger: Ledger, parts: readonly FoundPart[], end: Position): void {
  const last = parts.at(-1)
  if (last === undefined) return
  const expected = { commit: last.position.commit, index: last.position.index + last.records }
  need(
    comparePositions(end, expected) === 0,
    () => `ledger ${ledger} ends at ${show(end)}, and its last record at ${show(expected)}`,
  )
}

function* placesIn({ ledgers, changes }: Contents): Generator<{ readonly commit: number }> {
  for (const { parts } of ledgers.values()) for (const { position } of parts) yield position
  yield* changes
}

/** 0: of nothing. */
function newestCommit(places: Iterable<{ readonly commit: number }>): number {
  let newest = 0
  for (const { commit } of places) newest = Math.max(newest, commit)
  return newest
}

/** A later life shows at least what an earlier one showed. */
function checkKept(contents: Contents, base: Contents, found: ReadonlyMap<number, Position>): void {
  for (const [ledger, before] of base.ledgers) {
    const after = contents.ledgers.get(ledger)
    need(after !== undefined, () => `ledger ${ledger} was shown after a crash and is gone after the next`)
    for (const { id } of before.parts) {
      need(found.has(id), () => `payload ${id} of ledger ${ledger} was shown after a crash and is gone after the next`)
    }
    need(
      after === undefined || comparePositions(after.bounds.end, before.bounds.end) >= 0,
      () => `the end of ledger ${ledger} stepped back between two recoveries`,
    )
    need(before.state === 'open' || after?.state === 'closed', () => `ledger ${ledger} is open again`)
  }
  for (const { id } of base.changes) {
    need(found.has(id), () => `change ${id} was shown after a crash and is gone after the next`)
  }
}

function replay(events: readonly OracleEvent[], at: number): Moment {
  const [asked, stored, gone] = [new Set<number>(), new Set<number>(), new Set<number>()]
  const ledgers = new Map<Ledger, Owed>()
  let durable = 0
  for (let i = 0; i < at; i++) {
    const event = events[i]
    if (event === undefined) break
    switch (event.kind) {
      case 'asked':
        asked.add(event.id)
        break
      case 'stored':
        stored.add(event.id)
        break
      case 'refused':
      case 'lost':
        gone.add(event.id)
        break
      case 'durable':
        durable = event.commit
        break
      default:
        noteLedger(owedOf(ledgers, event.ledger), event)
    }
  }
  return { asked, stored, gone, durable, ledgers }
}

function noteLedger(owed: Owed, event: Extract<OracleEvent, { readonly ledger: Ledger }>): void {
  switch (event.kind) {
    case 'opening':
      owed.opening = true
      break
    case 'opened':
      owed.opened = true
      break
    case 'closing':
      owed.closing = true
      break
    case 'closed':
      owed.closed = event.closed
      break
    case 'dropping':
      owed.dropping = true
      break
    case 'dropped':
      owed.dropped = true
      break
    case 'trimming':
      owed.trimmingMs = Math.max(owed.trimmingMs, event.beforeMs)
      break
    case 'trimmed':
      owed.trimmedMs = Math.max(owed.trimmedMs, event.beforeMs)
      break
    case 'left':
      keepLeft(owed, event.left)
      break
    case 'shown':
      if (owed.shownEnd === undefined || comparePositions(event.end, owed.shownEnd) > 0) owed.shownEnd = event.end
  }
}

/** What was asked of a ledger or done with it, and is not there after a loss of power, has never been. */
function keepLeft(owed: Owed, left: LedgerContents | undefined): void {
  if (left === undefined) {
    // Whatever it was before, it is not to come back.
    owed.opening = false
    owed.opened = false
    return
  }
  owed.dropping = false
  owed.dropped = false
  // The floor cannot be seen: what was said of it may be gone or not.
  owed.trimmedMs = 0
  owed.shownEnd = left.bounds.end
  if (left.state === 'closed') return
  owed.closing = false
  owed.closed = undefined
}

function owedOf(ledgers: Map<Ledger, Owed>, ledger: Ledger): Owed {
  const known = ledgers.get(ledger)
  if (known !== undefined) return known
  const owed: Owed = {
    opened: false,
    opening: false,
    closing: false,
    closed: undefined,
    dropping: false,
    dropped: false,
    trimmingMs: 0,
    trimmedMs: 0,
    shownEnd: undefined,
  }
  ledgers.set(ledger, owed)
  return owed
}

function need(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what())
}

function show({ commit, index }: Position): string {
  return `${commit}.${index}`
}
