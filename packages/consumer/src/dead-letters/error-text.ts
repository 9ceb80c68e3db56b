/** What an error says, bounded, for people. Whatever was thrown. */

/** Enough for a message with its context; a letter must stay smaller than a record. */
const CHARACTERS_MAX = 2_000

export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX)}…` : text
}
