/**
 * The answer of GetRecords around records that are encoded already. It is given in pieces, so that records shared by
 * many answers are never copied.
 */
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsOutput } from '../operations/get-records.ts'
import type { StructureSchema } from '../schema/schema.ts'
import { ByteWriter } from './byte-writer.ts'
import { encodeCbor, MAJOR_LIST, MAJOR_MAP, writeHead, writeText } from './cbor-encode.ts'
import { encodeJson } from './json-encode.ts'
import type { EncodedRecords } from './record-writer.ts'

/** GetRecordsOutput with its records encoded. */
export interface EncodedGetRecordsOutput extends Omit<GetRecordsOutput, 'Records'> {
  readonly Records: EncodedRecords
}

/** All members but the records. */
const rest: StructureSchema = {
  kind: 'structure',
  name: 'GetRecordsOutput',
  members: (GetRecords.output?.members ?? []).filter((member) => member.name !== 'Records'),
}

/** Up to here an answer is one piece: copying it costs less than handing over several. */
const ONE_PIECE_BYTES_MAX = 16 * 1024

export function encodeGetRecords(output: EncodedGetRecordsOutput): readonly Uint8Array[] {
  const pieces = output.Records.codec === 'json' ? jsonPieces(output) : cborPieces(output)
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  return bytes <= ONE_PIECE_BYTES_MAX ? [Buffer.concat(pieces, bytes)] : pieces
}

function jsonPieces(output: EncodedGetRecordsOutput): readonly Uint8Array[] {
  return jsonAroundRecords(output.Records, encodeJson(rest, output))
}

/** `tail`: an object with the other members. */
export function jsonAroundRecords({ elements }: EncodedRecords, tail: Uint8Array): readonly Uint8Array[] {
  const [first, ...others] = elements
  const isEmpty = tail.length === '{}'.length
  return [
    Buffer.from('{"Records":['),
    // Without its comma.
    ...(first === undefined ? [] : [first.subarray(1), ...others]),
    Buffer.from(isEmpty ? ']' : '],'),
    // Without its brace.
    tail.subarray(1),
  ]
}

function cborPieces(output: EncodedGetRecordsOutput): readonly Uint8Array[] {
  const others = encodeCbor(rest, output)
  const head = new ByteWriter(64)
  // One map: its head counts one member more, and fewer than 24 are counted in the byte itself.
  writeHead(head, MAJOR_MAP, ((others[0] ?? 0) & 0x1f) + 1)
  head.bytes(others.subarray(1))
  writeText(head, 'Records')
  writeHead(head, MAJOR_LIST, output.Records.count)
  return [head.finish(), ...output.Records.elements]
}
