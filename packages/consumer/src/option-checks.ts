/** What is common to the checks of options: an option that is not understood would be silently without effect. */
import { nearest } from '@millrace/std'

/** Of every face, beside its own. */
export const RUN_OPTIONS = ['signal', 'stopOn'] as const

/** A TypeError for what is no object, and for a name that is none of `known`, with the one that was probably meant. */
export function checkNames(options: object, known: readonly string[], what: string): void {
  checkKind(typeof options === 'object' && options !== null, `${what} to be an object`, options)
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? `There are ${known.join(', ')}.` : `Did you mean ${near}?`
    throw new TypeError(`Expected ${what} to have options that there are, found ${name}. ${hint}`)
  }
}

/** A TypeError: of another kind. `hint`: a sentence. */
export function checkKind(isSo: boolean, what: string, found: unknown, hint?: string): void {
  if (!isSo) throw new TypeError(`Expected ${what}, found ${shown(found)}.${hint === undefined ? '' : ` ${hint}`}`)
}

function shown(found: unknown): string {
  if (typeof found === 'string') return `'${found}'`
  if (typeof found === 'function') return 'a function'
  if (found instanceof Promise) return 'a promise'
  return typeof found === 'object' && found !== null ? 'an object' : String(found)
}
