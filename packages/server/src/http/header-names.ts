/**
 * Usual header names as they came, with their lower case: clients send the same few again and again. Who sends others
 * fills it up; then it begins anew, so that names of a moment do not keep the usual ones out for good.
 */
const NAMES_MAX = 256
const LENGTH_MAX = 64
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** They change how a message is framed or answered. */
const UNUSUAL_NAMES: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'http2-settings',
  'proxy-connection',
  '__proto__',
])

export class HeaderNames {
  readonly #lower = new Map<string, string>()

  /** How many it knows. */
  get size(): number {
    return this.#lower.size
  }

  /** In lower case; `undefined`: it is none, or not usual. */
  usual(name: string): string | undefined {
    const known = this.#lower.get(name)
    if (known !== undefined) return known
    const lower = name.toLowerCase()
    if (!NAME.test(name) || UNUSUAL_NAMES.has(lower)) return undefined
    if (name.length > LENGTH_MAX) return lower
    if (this.#lower.size >= NAMES_MAX) this.#lower.clear()
    // Copied: a part of a text keeps all of it in memory, here the head that it came with.
    const own = Buffer.from(name, 'latin1').toString('latin1')
    this.#lower.set(own, own.toLowerCase())
    return lower
  }
}
