/**
 * A set of what comes and goes by the thousand a second: its items are linked with one another, in the order in which
 * they came. A `Set` makes a new table each time it has filled up, and the old one leads to it; once one of them has lived
 * through a full collection, all that follow live until the next, with whatever stood in them, so that nothing of it dies
 * young (docs/decisions/150). What is taken out here leads nowhere.
 */

/** What can stand in one LinkedSet at a time. The set's own: nobody else looks at it. */
export interface Linked<T> {
  before?: T | undefined
  after?: T | undefined
}

export class LinkedSet<T extends Linked<T>> {
  #first: T | undefined
  #last: T | undefined

  /** The one that has been there for longest. */
  get first(): T | undefined {
    return this.#first
  }

  has(item: T): boolean {
    return item.before !== undefined || this.#first === item
  }

  /** At the end. One that is there stays where it is. */
  add(item: T): void {
    if (this.has(item)) return
    item.before = this.#last
    if (this.#last === undefined) this.#first = item
    else this.#last.after = item
    this.#last = item
  }

  /** Whether it was there. */
  delete(item: T): boolean {
    if (!this.has(item)) return false
    const { before, after } = item
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    item.before = undefined
    item.after = undefined
    return true
  }

  /** As they stand now: what is done with one may add and delete others. */
  items(): T[] {
    const items: T[] = []
    for (let item = this.#first; item !== undefined; item = item.after) items.push(item)
    return items
  }
}
