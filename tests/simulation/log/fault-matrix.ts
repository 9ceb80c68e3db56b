/**
 * One fault at one place: a history lives through it on a simulated disk, with everything that the log says meanwhile
 * written down, and is then held to what it owes. `fault-matrix.test.ts` goes through all places and faults.
 */
import { CRASH_MODES, type DiskFault, type DiskOperation } from '@millrace/log/testing'
import { type Logger, silentLogger } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { aroundCalls, type CallSite, callerOf, type DiskCall } from './call-sites.ts'
import { readAll } from './contents.ts'
import { surviveFaults } from './crash-suite.ts'
import { History, type LifePhase, type LivingLog } from './history.ts'
import { Violation } from './oracle.ts'
import { makePayload } from './payload.ts'
import { settled } from './settled.ts'

/** What goes wrong with a call: `name` stands in the table and in the command that replays it. */
export interface NamedFault {
  readonly name: string
  /** Which half of a `writeAndSync`; else of the call itself. */
  readonly half: 'write' | 'sync' | undefined
  readonly of: (operation: DiskOperation) => DiskFault
}

const errno = (code: string): NamedFault => ({ name: code, half: undefined, of: () => ({ code }) })
const shortRead: NamedFault = {
  name: 'short',
  half: undefined,
  of: ({ bytes }) => ({ code: 'EIO', readBytes: Math.floor(bytes / 2) }),
}
const WRITE: readonly NamedFault[] = [
  { name: 'EIO', half: 'write', of: () => ({ code: 'EIO' }) },
  { name: 'ENOSPC', half: 'write', of: () => ({ code: 'ENOSPC' }) },
  { name: 'short', half: 'write', of: ({ bytes }) => ({ code: 'ENOSPC', writtenBytes: Math.floor(bytes / 2) }) },
]
const SYNC: readonly NamedFault[] = [
  { name: 'sync-EIO', half: 'sync', of: () => ({ code: 'EIO', failedSync: 'phantom' }) },
  { name: 'sync-EIO-reverted', half: 'sync', of: () => ({ code: 'EIO', failedSync: 'revert' }) },
  { name: 'sync-ENOSPC', half: 'sync', of: () => ({ code: 'ENOSPC', failedSync: 'phantom' }) },
]

/** Every fault that a call can give. A short read that does not fail is read on by the port: `node-disk.ts`. */
export const FAULTS: Readonly<Record<DiskCall, readonly NamedFault[]>> = {
  open: [errno('EMFILE'), errno('EIO'), errno('EACCES')],
  create: [errno('EMFILE'), errno('ENOSPC'), errno('EIO'), errno('EACCES')],
  list: [errno('EMFILE'), errno('EIO'), errno('EACCES')],
  exists: [errno('EIO'), errno('EACCES')],
  rename: [errno('EIO'), errno('ENOSPC'), errno('EACCES')],
  remove: [errno('EIO'), errno('EACCES')],
  makeDirectory: [errno('ENOSPC'), errno('EIO'), errno('EACCES')],
  syncDirectory: [errno('EMFILE'), errno('EIO')],
  freeBytes: [errno('EIO')],
  size: [errno('EIO')],
  read: [errno('EIO'), shortRead],
  write: WRITE,
  sync: SYNC,
  writeAndSync: [...WRITE, ...SYNC],
  truncate: [errno('EIO')],
  close: [errno('EIO')],
}

/** A call of the log, on its way to the disk. */
interface NamedCall {
  readonly site: CallSite
  readonly pass: number
}

/** Which passes of a history through each place reach the disk; and what it costs to live through. */
export interface Passes {
  readonly seed: number
  readonly bySite: ReadonlyMap<CallSite, readonly number[]>
  readonly operations: number
}

/** What the log may say of a fault. */
type Sign =
  | 'refuses to start'
  | 'stops'
  | 'prepares again'
  | 'upkeep again'
  | 'damage'
  | 'call fails'
  | 'closes without'
  | 'close fails'

/** What a fault came to. */
export type Outcome = Sign | 'nothing' | `${Sign} + stops`

export interface Cell {
  readonly seed: number
  readonly site: CallSite
  readonly pass: number
  readonly fault: NamedFault
}

/** Lives through the history without a fault. */
export async function passesOf(seed: number): Promise<Passes> {
  const bySite = new Map<CallSite, number[]>()
  let operations = 0
  const life = new FaultHistory(seed, {
    isNamed: () => true,
    faultOf: ({ site, pass }, { kind }) => {
      operations++
      // What is cut off between its halves has no sync to fail.
      if (kind === 'write' && site.endsWith(' writeAndSync')) return undefined
      const passes = bySite.get(site)
      if (passes === undefined) bySite.set(site, [pass])
      else passes.push(pass)
      return undefined
    },
  })
  await life.history.run()
  return { seed, bySite, operations }
}

/** Lives through the history with the fault; answers with what it came to. Throws when anything is lost, shown wrongly, or does not go on. */
export async function runCell({ seed, site, pass, fault }: Cell): Promise<string> {
  let failed: NamedCall | undefined
  const life = new FaultHistory(seed, {
    isNamed: (call) => failed === undefined && site.endsWith(` ${call}`),
    faultOf: (named, operation) => {
      if (failed !== undefined || named.site !== site || named.pass !== pass) return undefined
      if (fault.half !== undefined && fault.half !== operation.kind) return undefined
      failed = named
      return fault.of(operation)
    },
    isOver: () => failed !== undefined,
  })
  const mode = CRASH_MODES[(seed + pass) % CRASH_MODES.length] ?? 'all-lost'
  await surviveFaults(life.history, mode, seededRandom(seed * 1_000_003 + pass))
  if (failed === undefined) throw new Violation('the history does not lead there')
  return life.outcome
}

interface FaultHistoryOptions {
  /** Whether such calls are to be named: what it costs to look at the stack is worth it for few. */
  readonly isNamed: (call: DiskCall) => boolean
  readonly faultOf: (named: NamedCall, operation: DiskOperation) => DiskFault | undefined
  readonly isOver?: () => boolean
}

/** A history that names its calls, notes what its log says, and holds each life to going on before it ends. */
class FaultHistory {
  readonly history: History
  readonly #signs = new Set<Sign>()
  readonly #passes = new Map<CallSite, number>()
  #call: NamedCall | undefined
  #stopped: string | undefined
  /** What is read to be held against the oracle is to be read whole. */
  #isChecking = false
  /** From here on this life may be cut off before the log can say anything. */
  #hasGoneOn = false

  constructor(seed: number, { isNamed, faultOf, isOver }: FaultHistoryOptions) {
    const wrap = aroundCalls((call, run) => {
      const site = this.#isDeaf() || !isNamed(call) ? undefined : callerOf(call)
      if (site === undefined) return run()
      const pass = (this.#passes.get(site) ?? 0) + 1
      this.#passes.set(site, pass)
      this.#call = { site, pass }
      try {
        return run()
      } finally {
        this.#call = undefined
      }
    })
    this.history = new History(seed, wrap, {
      labelOf: () => this.#call,
      faults: (operation) =>
        operation.label === undefined ? undefined : faultOf(operation.label as NamedCall, operation),
      logger: this.#logger(),
      onStopped: (reason) => {
        this.#stopped = reason
        this.#signs.add('stops')
      },
      onExcused: (phase) => this.#noteError(phase),
      beforeEnd: (life) => this.#goOn(life),
      ...(isOver === undefined ? {} : { isOver }),
    })
  }

  get outcome(): string {
    return this.#signs.size === 0 ? 'nothing' : [...this.#signs].sort().join(' + ')
  }

  /** Whether a fault now would not come to anything that can be held against the table. */
  #isDeaf(): boolean {
    const { phase } = this.history
    if (phase === 'opening') this.#hasGoneOn = false
    return this.#isChecking || (this.#hasGoneOn && phase === 'running')
  }

  #logger(): Logger {
    return {
      ...silentLogger,
      warn: (message) => {
        if (message.startsWith('no segment can be prepared')) this.#signs.add('prepares again')
        else if (message.startsWith('upkeep of the log failed')) this.#signs.add('upkeep again')
        else if (message.startsWith('the log closes without')) this.#signs.add('closes without')
        else throw new Violation(`a warning that the table knows nothing of: ${message}`)
      },
      error: (message) => {
        if (message === 'stored data is damaged') this.#signs.add('damage')
      },
    }
  }

  #noteError(phase: LifePhase): void {
    if (phase === 'opening') this.#signs.add('refuses to start')
    else if (phase === 'closing') this.#signs.add('close fails')
    else if (this.#stopped === undefined) this.#signs.add('call fails')
  }

  /** The fault is gone: either the log has stopped, and says so and still reads, or it does all that it did before. */
  async #goOn({ log, clock, disk, metadata }: LivingLog): Promise<void> {
    const { oracle } = this.history
    const idle = (): Promise<void> => settled(clock, new Promise((done) => void clock.setTimer(GO_ON_MS, done)))
    await idle()
    const { writable, reason } = log.health()
    if (writable !== (this.#stopped === undefined)) {
      throw new Violation(`health says ${reason ?? 'writable'}, and the log ${this.#stopped ?? 'has not stopped'}`)
    }
    const id = oracle.newId()
    const change = makePayload(id, 0, 60)
    oracle.ask(id, 0, change)
    const asked = log.appendMetadata(change, { deadlineMs: clock.monotonic() + GO_ON_MS }).catch(() => undefined)
    const commit = await settled(clock, asked)
    if (writable !== (commit !== undefined))
      throw new Violation(`a change is ${commit ?? 'refused'}: ${reason ?? 'writable'}`)
    if (commit === undefined) {
      if (reason?.includes('(simulated)') !== true) throw new Violation(`health does not say why: ${reason}`)
      oracle.note({ kind: 'refused', id })
    } else {
      oracle.store(id, { position: { commit, index: 0 }, timeMs: undefined })
      await idle()
      needNoLeftovers(disk.paths(), log.statistics())
    }
    this.#isChecking = true
    oracle.check(await readAll(log, metadata, clock), oracle.now)
    this.#isChecking = false
    this.#hasGoneOn = true
  }
}

/** Longer than what failed is tried again three times. */
const GO_ON_MS = 3_500

/** Whatever failed half way, no file stays behind that the log knows nothing of: its space would be gone. */
function needNoLeftovers(
  paths: readonly string[],
  { segments, spares }: { readonly segments: number; readonly spares: number },
): void {
  const files = paths.filter((path) => path.endsWith('.seg'))
  if (files.length !== segments + spares) {
    throw new Violation(`${segments} segments and ${spares} spares are known, and there are ${files.join(', ')}`)
  }
  const temporary = paths.filter((path) => path.endsWith('.tmp'))
  if (temporary.length > 0) throw new Violation(`${temporary.join(', ')} stays behind`)
}
