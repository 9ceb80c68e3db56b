/** Access key ids and their secrets, in the shape of AWS's: 20 letters and digits, and 30 random bytes in base64. */
import type { Random } from '@millrace/std'

const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `AKIA`: lasting. `ASIA`: for a while, with a session token. */
export function newSecret(
  prefix: 'AKIA' | 'ASIA',
  random: Random,
): { readonly accessKeyId: string; readonly secretAccessKey: string } {
  const letters = [...random.bytes(16)].map((byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('')
  return { accessKeyId: prefix + letters, secretAccessKey: Buffer.from(random.bytes(30)).toString('base64') }
}
