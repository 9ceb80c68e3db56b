/**
 * Input of `put` as records: lines, JSON documents a line, or the elements of one JSON array. Gives bytes as they
 * stood; an empty line is no record.
 */
import { RECORD_BYTES_MAX } from '@millrace/protocol'
import { jsonArrayElements } from './json-array.ts'
import { splitLines } from './lines.ts'

export const inputForms = ['auto', 'lines', 'ndjson', 'array'] as const
export type InputForm = (typeof inputForms)[number]

export interface RecordSource {
  readonly form: Exclude<InputForm, 'auto'>
  readonly records: AsyncIterable<Uint8Array>
}

/** Nobody's array begins behind so many spaces; what was looked at is held. */
const SPACES_MAX = 64 * 1024

/** `auto` looks at the first bytes: `[` and then `{` begin an array of objects; anything else is lines. */
export async function openRecordSource(chunks: AsyncIterable<Uint8Array>, form: InputForm): Promise<RecordSource> {
  if (form !== 'auto') return source(chunks, form)
  const iterator = chunks[Symbol.asyncIterator]()
  const seen: Uint8Array[] = []
  let head = ''
  let bytes = 0
  // Two characters decide.
  while (head.length < 2 && bytes <= SPACES_MAX) {
    const next = await iterator.next()
    if (next.done === true) break
    seen.push(next.value)
    bytes += next.value.length
    head += Buffer.from(next.value).toString('latin1', 0, 4096).replace(/\s+/g, '')
    if (head !== '' && head[0] !== '[') break
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield* seen
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return source(all(), head.startsWith('[{') ? 'array' : 'lines')
}

function source(chunks: AsyncIterable<Uint8Array>, form: RecordSource['form']): RecordSource {
  return {
    form,
    records:
      form === 'array'
        ? jsonArrayElements(chunks, RECORD_BYTES_MAX)
        : withoutEmpty(splitLines(chunks, RECORD_BYTES_MAX)),
  }
}

async function* withoutEmpty(lines: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const line of lines) if (line.length > 0) yield line
}
