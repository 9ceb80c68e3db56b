/**
 * The JSON answer of GetRecords, written straight into one buffer: base64 and keys go where they will be sent from,
 * and no object is made per record. Records come first, so that the rest may be known last.
 */
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsOutput } from '../operations/get-records.ts'
import type { StreamRecord } from '../operations/shapes.ts'
import type { StructureSchema } from '../schema/schema.ts'
import { ByteWriter } from './byte-writer.ts'
import { encodeJson, plainText, secondsText } from './json-encode.ts'

/** All members but the records, for the end of the answer. */
const rest: StructureSchema = {
  kind: 'structure',
  name: 'GetRecordsOutput',
  members: (GetRecords.output?.members ?? []).filter((member) => member.name !== 'Records'),
}

/** Bytes of one record apart from data and key: names, quotes, sequence number, time. */
const RECORD_OVERHEAD_BYTES = 192
/** Bytes of the answer apart from records. */
const ANSWER_OVERHEAD_BYTES = 1024

export function encodeGetRecords(output: GetRecordsOutput): Uint8Array {
  let bytesExpected = ANSWER_OVERHEAD_BYTES
  for (const record of output.Records) {
    bytesExpected += RECORD_OVERHEAD_BYTES + (record.PartitionKey?.length ?? 0) + base64Length(record.Data.length)
  }
  const writer = new ByteWriter(bytesExpected)
  writer.latin1('{"Records":[')
  let timeMs: number | undefined
  let encryption: string | undefined
  let middle = '"'
  let start = '{"SequenceNumber":"'
  for (const record of output.Records) {
    if (record.ApproximateArrivalTimestamp !== timeMs || record.EncryptionType !== encryption) {
      timeMs = record.ApproximateArrivalTimestamp
      encryption = record.EncryptionType
      middle = middleText(timeMs, encryption)
    }
    writeRecord(writer, start, middle, record)
    start = ',{"SequenceNumber":"'
  }
  const tail = encodeJson(rest, output)
  // The tail without its opening brace.
  writer.latin1(tail.length > 2 ? '],' : ']')
  writer.bytes(tail.subarray(1))
  return writer.finish()
}

/** What stands between sequence number and key: the same for all records of one commit. */
function middleText(timeMs: number | undefined, encryption: string | undefined): string {
  const time = timeMs === undefined ? '' : `,"ApproximateArrivalTimestamp":${secondsText(timeMs)}`
  return `"${time}${encryption === undefined ? '' : `,"EncryptionType":"${encryption}"`}`
}

/** One short-lived string of few pieces and one write per record: as fast as filling the buffer byte by byte. */
function writeRecord(writer: ByteWriter, start: string, middle: string, record: StreamRecord): void {
  const { SequenceNumber, Data, PartitionKey } = record
  const data = Data instanceof Buffer ? Data : Buffer.from(Data.buffer, Data.byteOffset, Data.byteLength)
  const base64 = data.toString('base64')
  if (PartitionKey === undefined) {
    writer.latin1(`${start}${SequenceNumber}${middle},"Data":"${base64}"}`)
  } else if (plainText.test(PartitionKey)) {
    writer.latin1(`${start}${SequenceNumber}${middle},"PartitionKey":"${PartitionKey}","Data":"${base64}"}`)
  } else {
    const text = `${start}${SequenceNumber}${middle},"PartitionKey":${JSON.stringify(PartitionKey)},"Data":"${base64}"}`
    writer.utf8(text, Buffer.byteLength(text))
  }
}

function base64Length(length: number): number {
  return 4 * Math.ceil(length / 3)
}
