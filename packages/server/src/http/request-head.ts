/**
 * Reads the head of a usual request: POST, HTTP/1.1, each header once, a body of an announced length. Whatever else
 * comes, right or wrong, is left to `node:http`, so this file knows no status and no words: docs/decisions/090.
 */
import { HeaderNames } from './header-names.ts'

export interface RequestHead {
  readonly url: string
  /** Lower-case names, values without blanks around them. */
  readonly headers: Readonly<Record<string, string>>
  /** Of the body, in bytes; at least 1. */
  readonly length: number
  /** Where the body begins. */
  readonly end: number
}

const HEAD_END = Buffer.from('\r\n\r\n')
/** Request line and headers up to the last line's end: visible ASCII and blanks, line by line. */
const USUAL = /^POST \/[!-~]* HTTP\/1\.1\r\n(?:[!-~][\t -~]*\r\n)+$/
const LENGTH = /^[1-9]\d{0,9}$/
const REQUEST_LINE_START = 'POST '.length
const REQUEST_LINE_REST = ' HTTP/1.1'.length

const names = new HeaderNames()

/** `undefined`: the head is not all there, is longer than `bytesMax`, or is not usual. */
export function readHead(bytes: Buffer, bytesMax: number): RequestHead | undefined {
  const textEnd = bytes.indexOf(HEAD_END)
  const end = textEnd + HEAD_END.length
  if (textEnd === -1 || end > bytesMax) return undefined
  const text = bytes.toString('latin1', 0, textEnd + 2)
  if (!USUAL.test(text)) return undefined
  const lineEnd = text.indexOf('\r\n')
  const headers: Record<string, string> = {}
  for (let at = lineEnd + 2; at < text.length;) {
    const colon = text.indexOf(':', at)
    const stop = text.indexOf('\r\n', at)
    if (colon === -1 || colon > stop) return undefined
    const name = names.usual(text.slice(at, colon))
    if (name === undefined || headers[name] !== undefined) return undefined
    headers[name] = text.slice(colon + 1, stop).trim()
    at = stop + 2
  }
  const { connection, host, 'content-length': length } = headers
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined
  return { url: text.slice(REQUEST_LINE_START, lineEnd - REQUEST_LINE_REST), headers, length: Number(length), end }
}
