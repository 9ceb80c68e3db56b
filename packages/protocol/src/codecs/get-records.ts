/**
 * The JSON answer of GetRecords, written straight into one buffer: base64 and keys go where they will be sent from,
 * and no object is made per record. Records come first, so that the rest may be known last.
 */
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsOutput } from '../operations/get-records.ts'
import type { StreamRecord } from '../operations/shapes.ts'
import type { StructureSchema } from '../schema/schema.ts'
import { ByteWriter } from './byte-writer.ts'
import { encodeJson, secondsText, stringText } from './json-encode.ts'

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
  let timeMs = -1
  let timeText = ''
  let separator = '{'
  for (const record of output.Records) {
    if (record.ApproximateArrivalTimestamp !== undefined && record.ApproximateArrivalTimestamp !== timeMs) {
      timeMs = record.ApproximateArrivalTimestamp
      timeText = `"ApproximateArrivalTimestamp":${secondsText(timeMs)},`
    }
    writeRecord(writer, separator, record, record.ApproximateArrivalTimestamp === undefined ? '' : timeText)
    separator = ',{'
  }
  const tail = encodeJson(rest, output)
  // The tail without its opening brace.
  writer.latin1(tail.length > 2 ? '],' : ']')
  writer.bytes(tail.subarray(1))
  return writer.finish()
}

function writeRecord(writer: ByteWriter, separator: string, record: StreamRecord, timeText: string): void {
  const { Data, PartitionKey, EncryptionType } = record
  let head = `${separator}"SequenceNumber":"${record.SequenceNumber}",${timeText}`
  if (EncryptionType !== undefined) head += `"EncryptionType":"${EncryptionType}",`
  if (PartitionKey !== undefined) {
    const text = stringText(PartitionKey)
    head += `"PartitionKey":${text},"Data":"`
    if (text.length !== PartitionKey.length + 2 || !isAscii(text)) {
      writer.utf8(head, Buffer.byteLength(head))
      writeBase64(writer, Data)
      return
    }
  } else {
    head += '"Data":"'
  }
  writer.latin1(head)
  writeBase64(writer, Data)
}

function writeBase64(writer: ByteWriter, data: Uint8Array): void {
  writer.latin1(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'))
  writer.latin1('"}')
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

function base64Length(length: number): number {
  return 4 * Math.ceil(length / 3)
}
