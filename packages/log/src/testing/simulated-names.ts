/**
 * The names of a simulated disk. Creating, renaming and removing change what the living see at once, and what a
 * power loss leaves only after the directory was synced. A rename is atomic: the old name or the new one, never none
 * and never both. Changes of one name keep their order; changes of different names may survive independently.
 */
import type { Survival } from './crash-mode.ts'
import { digested } from './page-image.ts'

/** What a path stands for: a file by number, or a directory. */
export type NamedThing = number | 'directory'

interface NameChange {
  readonly order: number
  /** Syncing this directory makes the change durable (for a rename: the directory of the new name). */
  readonly directory: string
  readonly unset: string | undefined
  readonly set: string | undefined
  readonly thing: NamedThing | undefined
}

/** What was asked of names since they changed: their copies have it in common, until one of them changes. */
class Answers {
  digest: string | undefined
  referenced: ReadonlySet<NamedThing> | undefined
  readonly lists = new Map<string, readonly string[]>()
  /** What a crash leaves, by which changes survive: most crashes of a moment leave the same names. */
  readonly left = new Map<string, SimulatedNames>()
}

export class SimulatedNames {
  #cache = new Map<string, NamedThing>()
  #durable = new Map<string, NamedThing>()
  #pending: NameChange[] = []
  /** Others may hold the same maps: they are copied before they change. */
  #isShared = false
  #answers = new Answers()

  /** The numbers of the changes that are not durable, ascending. */
  get pendingOrders(): readonly number[] {
    return this.#pending.map(({ order }) => order)
  }

  get firstPendingOrder(): number | undefined {
    return this.#pending[0]?.order
  }

  copy(): SimulatedNames {
    const copy = new SimulatedNames()
    copy.#cache = this.#cache
    copy.#durable = this.#durable
    copy.#pending = this.#pending.slice()
    copy.#answers = this.#answers
    copy.#isShared = true
    this.#isShared = true
    return copy
  }

  get(path: string): NamedThing | undefined {
    return path === ROOT ? 'directory' : this.#cache.get(path)
  }

  /** Names directly in `directory`, sorted. */
  list(directory: string): readonly string[] {
    let names = this.#answers.lists.get(directory)
    if (names === undefined) {
      const found: string[] = []
      for (const path of this.#cache.keys()) if (isIn(directory, path)) found.push(nameOf(path))
      names = found.sort()
      this.#answers.lists.set(directory, names)
    }
    return names
  }

  paths(): string[] {
    return [...this.#cache]
      .filter(([, thing]) => thing !== 'directory')
      .map(([path]) => path)
      .sort()
  }

  /** Equal for the names of two disks that came from one if all names, those that are durable and what is pending are. */
  get digest(): string {
    this.#answers.digest ??= digested(
      this.#pending.length === 0
        ? textOf(this.#cache)
        : `${textOf(this.#cache)}<${textOf(this.#durable)}+${this.pendingOrders.join('+')}`,
    )
    return this.#answers.digest
  }

  set(path: string, thing: NamedThing, order: number): void {
    this.#change({ order, directory: parentOf(path), unset: undefined, set: path, thing })
  }

  remove(path: string, order: number): void {
    this.#change({ order, directory: parentOf(path), unset: path, set: undefined, thing: undefined })
  }

  rename(from: string, to: string, order: number): void {
    this.#change({ order, directory: parentOf(to), unset: from, set: to, thing: this.#cache.get(from) })
  }

  /** Makes the changes of one directory durable, and with them earlier changes of the same names elsewhere. */
  sync(directory: string): void {
    if (this.#pending.length === 0) return
    const durable = new Set<NameChange>()
    const touched = new Set<string>()
    for (const change of this.#pending.toReversed()) {
      const needed = pathsOf(change).some((path) => touched.has(path))
      if (change.directory !== directory && !needed) continue
      durable.add(change)
      for (const path of pathsOf(change)) touched.add(path)
    }
    if (durable.size === 0) return
    this.#own()
    for (const change of this.#pending) if (durable.has(change)) apply(this.#durable, change)
    this.#pending = this.#pending.filter((change) => !durable.has(change))
  }

  /** Every file that some name, present, durable or pending, leads to. */
  get referenced(): ReadonlySet<NamedThing> {
    this.#answers.referenced ??= this.#findReferenced()
    return this.#answers.referenced
  }

  #findReferenced(): ReadonlySet<NamedThing> {
    const things = new Set(this.#cache.values())
    if (this.#durable !== this.#cache) for (const thing of this.#durable.values()) things.add(thing)
    for (const change of this.#pending) if (change.thing !== undefined) things.add(change.thing)
    return things
  }

  /** The names as the next life finds them. */
  afterCrash(survival: Survival): SimulatedNames {
    if (survival.mode === 'kill' || this.#pending.length === 0) return this.copy()
    const kept: NameChange[] = []
    const lost = new Set<string>()
    for (const change of this.#pending) {
      const paths = pathsOf(change)
      // What follows a lost change of the same name is lost too: a journal never commits the later one alone.
      if (paths.every((path) => !lost.has(path)) && survives(change, survival)) kept.push(change)
      else for (const path of paths) lost.add(path)
    }
    const key = kept.map(({ order }) => order).join()
    const { left } = this.#answers
    let next = left.get(key)
    if (next === undefined) left.set(key, (next = this.#leave(kept)))
    return next.copy()
  }

  #leave(kept: readonly NameChange[]): SimulatedNames {
    const names = new Map(this.#durable)
    for (const change of kept) apply(names, change)
    // Only a directory that was made since can be missing: what stands in it is lost with it.
    if (this.#pending.some(({ thing }) => thing === 'directory')) {
      for (const path of [...names.keys()].sort()) {
        const parent = parentOf(path)
        if (parent !== ROOT && names.get(parent) !== 'directory') names.delete(path)
      }
    }
    const next = new SimulatedNames()
    next.#cache = names
    next.#durable = names
    return next
  }

  /** The names, to be changed. */
  #own(): void {
    // Not emptied: copies go on with it.
    this.#answers = new Answers()
    if (!this.#isShared) return
    this.#cache = new Map(this.#cache)
    this.#durable = new Map(this.#durable)
    this.#isShared = false
  }

  #change(change: NameChange): void {
    this.#own()
    apply(this.#cache, change)
    this.#pending.push(change)
  }
}

/** How the directory itself is written as a path, once normalised. */
export const ROOT = ''

/** `.` and `` are the directory itself; `a/` is `a`. */
export function normalisePath(path: string): string {
  // Nearly all are as they should be: that is found without an expression, which takes as long as the rest of a call.
  const isUsual = path !== '' && !path.startsWith('.') && !path.endsWith('/') && !path.startsWith('/')
  if (isUsual && !path.includes('//') && !path.includes('/.')) return path
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? ROOT : path.slice(0, slash)
}

function textOf(names: ReadonlyMap<string, NamedThing>): string {
  return [...names]
    .map(([path, thing]) => `${path}=${thing}`)
    .sort()
    .join()
}

/** Whether `path` is a name directly in `directory`: without cutting each path of a disk in two. */
function isIn(directory: string, path: string): boolean {
  const slash = path.lastIndexOf('/')
  return directory === ROOT ? slash < 0 : slash === directory.length && path.startsWith(directory)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function pathsOf(change: NameChange): string[] {
  return [change.unset, change.set].filter((path) => path !== undefined)
}

function apply(names: Map<string, NamedThing>, change: NameChange): void {
  if (change.unset !== undefined) names.delete(change.unset)
  if (change.set !== undefined && change.thing !== undefined) names.set(change.set, change.thing)
}

function survives(change: NameChange, survival: Survival): boolean {
  switch (survival.mode) {
    case 'kill':
    case 'all-kept':
    case 'names-only':
      return true
    case 'all-lost':
    case 'data-only':
      return false
    case 'prefix':
      return change.order < survival.cut
    case 'only':
      return change.order === survival.cut
    case 'without':
      return change.order !== survival.cut
    default:
      return survival.names === 'prefix' ? change.order < survival.cut : survival.keeps()
  }
}
