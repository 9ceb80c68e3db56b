/**
 * How long a ledger's records are kept, roughly: what is in one class is stored together and dies together. The steps
 * are those at which Kinesis changes its price: a day, a week, more.
 */
const HOUR_MS = 3_600_000
const CLASS_ENDS_MS = [24 * HOUR_MS, 7 * 24 * HOUR_MS] as const

/** 0: nobody has said. 1: up to a day. 2: up to a week. 3: longer. */
export function retentionClassOf({ retentionMs }: { readonly retentionMs: number | undefined }): number {
  if (retentionMs === undefined) return 0
  return 1 + CLASS_ENDS_MS.filter((end) => retentionMs > end).length
}
