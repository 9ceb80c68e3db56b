/** A record as `--json` writes it: one document a line, the keys a contract (docs/reference/cli.md). */
import { type OutputRecord, textOf } from '../output/format-string.ts'

export function recordDocument(record: OutputRecord): Readonly<Record<string, unknown>> {
  const text = textOf(record.data)
  return {
    stream: record.stream,
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    ...(record.subSequenceNumber === undefined ? {} : { subSequenceNumber: record.subSequenceNumber }),
    partitionKey: record.partitionKey,
    arrivedAt: new Date(record.arrivalMs).toISOString(),
    // Exactly one of the two.
    ...(text === undefined ? { dataBase64: Buffer.from(record.data).toString('base64') } : { data: text }),
  }
}
