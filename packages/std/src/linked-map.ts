import { type Linked, LinkedSet } from './linked-set.ts'

/**
 * A map in order of use, for caches: the oldest is found at once, and using an entry moves links only. With a `Map`, moving
 * one to the end takes it out and sets it again, which fills up a table each few times; each leads to the next
 * (linked-set.ts), and whoever looks for the oldest passes over all that were taken out. Here a value is let go of when
 * it is taken out, whatever table still knows its key.
 */
export class LinkedMap<K, V extends object> {
  readonly #places = new Map<K, Place<K, V>>()
  readonly #order = new LinkedSet<Place<K, V>>()

  get size(): number {
    return this.#places.size
  }

  get(key: K): V | undefined {
    return this.#places.get(key)?.value
  }

  /** Gets it, and moves it to the end. */
  use(key: K): V | undefined {
    return this.#moved(key)?.value
  }

  /** At the end. Returns the value whose place it takes. */
  set(key: K, value: V): V | undefined {
    const known = this.#moved(key)
    if (known !== undefined) {
      const before = known.value
      known.value = value
      return before
    }
    const place = new Place(key, value)
    this.#places.set(key, place)
    this.#order.add(place)
    return undefined
  }

  /** Returns what was there. */
  delete(key: K): V | undefined {
    const place = this.#places.get(key)
    return place && this.#take(place)
  }

  /** Takes out the first and returns it. */
  shift(): V | undefined {
    const { first } = this.#order
    return first && this.#take(first)
  }

  /** As they stand now: what is done with one may set and delete others. */
  keys(): K[] {
    return this.#order.items().map(({ key }) => key)
  }

  #moved(key: K): Place<K, V> | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    this.#order.delete(place)
    this.#order.add(place)
    return place
  }

  #take(place: Place<K, V>): V | undefined {
    const { value } = place
    this.#places.delete(place.key)
    this.#order.delete(place)
    place.value = undefined
    return value
  }
}

class Place<K, V> implements Linked<Place<K, V>> {
  before: Place<K, V> | undefined
  after: Place<K, V> | undefined
  readonly key: K
  value: V | undefined

  constructor(key: K, value: V) {
    this.key = key
    this.value = value
  }
}
