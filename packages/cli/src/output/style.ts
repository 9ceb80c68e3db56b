/**
 * Colour, in four meanings and no more: red = failure, yellow = attention, dim = secondary, bold = names.
 * Plain when the stream is no terminal, with NO_COLOR, TERM=dumb or --no-color; FORCE_COLOR turns it on.
 */
export interface Style {
  failure(text: string): string
  attention(text: string): string
  secondary(text: string): string
  name(text: string): string
}

const same = (text: string): string => text
export const plainStyle: Style = { failure: same, attention: same, secondary: same, name: same }

const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `\u001b[${on}m${text}\u001b[${off}m`

const colourStyle: Style = {
  failure: sgr(31, 39),
  attention: sgr(33, 39),
  secondary: sgr(2, 22),
  name: sgr(1, 22),
}

export interface StyleChoice {
  readonly isTty: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** What --no-color said; `undefined` when it was not given. */
  readonly wanted?: boolean | undefined
}

export function chooseStyle({ isTty, env, wanted }: StyleChoice): Style {
  if (wanted === false) return plainStyle
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') return forced === '0' ? plainStyle : colourStyle
  // no-color.org: any value that is not empty.
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return plainStyle
  return isTty ? colourStyle : plainStyle
}
