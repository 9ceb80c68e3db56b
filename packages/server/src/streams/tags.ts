/**
 * Tags of a resource: up to 50 pairs of texts. Pure; the rules and their order are the service's (KINESIS.md §16), and
 * ':' is allowed as its documentation says now, though production once refused it.
 */
export type Tags = Readonly<Record<string, string>>

/** AWS: tags of one resource. */
export const TAGS_MAX = 50

/** Letters, digits and spaces of any script, and the signs that the text of the refusal names (and `:`). */
const ALLOWED = /^[\p{L}\p{N}\p{Zs}_.:/=+\-@%]*$/u

/** AWS: in any case; its own tags begin so. */
const RESERVED = /^aws:/i

/**
 * - `characters`: outside of the set. - `percent`: the sign that the set names and the service refuses.
 * - `reserved`: the key of a tag that is not the caller's to give or take.
 */
export type TagTextFault = 'characters' | 'percent' | 'reserved'

/** What is wrong with the texts of tags, in the order of the service's checks. */
export function tagTextFault(keys: readonly string[], values: readonly string[]): TagTextFault | undefined {
  const texts = [...keys, ...values]
  if (texts.some((text) => !ALLOWED.test(text))) return 'characters'
  if (texts.some((text) => text.includes('%'))) return 'percent'
  return keys.some((key) => RESERVED.test(key)) ? 'reserved' : undefined
}

/** A key that is there already gets the new value. */
export function withTags(tags: Tags, more: Tags): Tags {
  return { ...tags, ...more }
}

/** Keys that are not there are passed over. */
export function withoutTags(tags: Tags, keys: readonly string[]): Tags {
  const gone = new Set(keys)
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key)))
}

/** By key in code-point order, those behind `after`. */
export function sortedTags(tags: Tags, after?: string): readonly { readonly Key: string; readonly Value: string }[] {
  return Object.entries(tags)
    .filter(([key]) => after === undefined || compareCodePoints(key, after) > 0)
    .sort(([a], [b]) => compareCodePoints(a, b))
    .map(([Key, Value]) => ({ Key, Value }))
}

/** JavaScript compares UTF-16 units, which puts emoji before the last letters of the basic plane. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
