/** What is wrong in a data directory, for people: a line, and one for each loss, accepted or to be. */
import type { Finding } from '@millrace/server'

export function findingText({ text, losses }: Finding): string {
  return [text, ...losses.map(({ name, isAccepted }) => `  ${isAccepted ? 'accepted' : 'to accept'}: ${name}`)].join(
    '\n',
  )
}
