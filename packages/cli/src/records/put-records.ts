/**
 * The run of `millrace put`: input to records to the ordered putter, with progress beside it and an account of it at
 * the end.
 */
import { hashKeyOf } from '@millrace/protocol'
import { CommandError, usageError } from '../exit-code.ts'
import { partlyDone } from '../failure.ts'
import { isOpen, type Kinesis, listShards } from '../kinesis.ts'
import { Progress } from '../output/progress.ts'
import { formatBytes, formatCount, formatCounted, formatDuration, formatRate } from '../output/quantities.ts'
import type { Reporter } from '../session.ts'
import type { Shell } from '../shell.ts'
import { chooseKey, type KeyOptions, parseJson } from './key-choice.ts'
import { OrderedPutter } from './ordered-putter.ts'
import { type InputForm, openRecordSource } from './record-source.ts'

export interface PutRun extends KeyOptions {
  readonly client: Kinesis
  readonly reporter: Reporter
  readonly shell: Shell
  readonly stream: string
  readonly chunks: AsyncIterable<Uint8Array>
  readonly inputBytes?: number
  /** One value from the command line: say where it went. */
  readonly single: boolean
  readonly input: InputForm
  readonly skip: number
  readonly strictOrder?: boolean
}

/** How long a trouble stays on the progress line. */
const TROUBLE_SHOWN_MS = 2_000

export async function putRecords(run: PutRun): Promise<void> {
  const { client, reporter, shell, stream, skip, single } = run
  const { clock, random, stdout, stderr } = shell
  const keyOf = chooseKey(run, random)
  const interrupted = shell.interruption()
  const progress = new Progress({
    clock,
    write: (text) => void stderr.write(text),
    width: stderr.width,
    quiet: reporter.quiet || single,
  })
  const counted = countBytes(run.chunks)
  let trouble: { readonly code: string; readonly untilMs: number } | undefined
  const onTrouble = (code: string): void => {
    trouble = { code, untilMs: clock.monotonic() + TROUBLE_SHOWN_MS }
    draw()
  }

  // A server that is not there at all is said at once; from here on, one that goes away is waited for.
  const shards = await listShards(client, stream, undefined, { signal: interrupted })
  const putter = new OrderedPutter({
    kinesis: client,
    stream,
    shardStarts: shards.filter(isOpen).map((shard) => BigInt(shard.HashKeyRange.StartingHashKey)),
    clock,
    random,
    skipped: skip,
    ...(run.strictOrder === undefined ? {} : { strictOrder: run.strictOrder }),
    onTrouble,
    onStored: (entry, shardId, sequenceNumber) => {
      if (reporter.jsonLines) {
        void stdout.write(`${JSON.stringify({ number: entry.number, shardId, sequenceNumber })}\n`)
      } else if (single && !reporter.json) void stdout.write(`${shardId}\t${sequenceNumber}\n`)
      draw()
    },
    onFailed: (entry, code, message) => {
      progress.clear()
      const line = { number: entry.number, error: { code, message } }
      if (reporter.jsonLines) void stdout.write(`${JSON.stringify(line)}\n`)
      else if (!reporter.json) void stdout.write(`record ${entry.number}\t${code}\t${message}\n`)
    },
  })
  const draw = (): void => {
    const { records, bytes } = putter.totals
    progress.update({
      records,
      bytes,
      fraction: run.inputBytes === undefined ? undefined : counted.bytes() / run.inputBytes,
      note: trouble !== undefined && clock.monotonic() < trouble.untilMs ? trouble.code : undefined,
    })
  }

  let failure: unknown
  try {
    await offerAll(run, counted.chunks, keyOf, putter, interrupted)
    await putter.finish()
  } catch (error) {
    failure = error
    // What was read before it is still to be stored, unless it is storing that fails.
    await putter.finish().catch(() => undefined)
  }
  progress.clear()
  const { totals, settledThrough } = putter
  const goOn = `to go on from there, give the same input with: --skip ${settledThrough}`
  if (reporter.json || !single) {
    await reporter.result(
      { stream, ...totals, settledThrough, milliseconds: Math.round(progress.elapsedMs) },
      `put ${formatCounted(totals.records, 'record')} (${formatBytes(totals.bytes)}) to ${stream} in ` +
        `${formatDuration(progress.elapsedMs)}: ${formatRate(totals.records, progress.elapsedMs)}` +
        (totals.retried > 0 ? `, ${formatCount(totals.retried)} sent again` : ''),
    )
  }
  if (totals.misordered > 0) {
    await reporter.note(
      `${formatCounted(totals.misordered, 'record')} were stored before an earlier one of their key, which the stream ` +
        'had refused at first; --strict-order prevents that',
    )
  }
  if (failure !== undefined) {
    if (!single && settledThrough > 0) await reporter.note(goOn)
    throw totals.records > 0 ? partlyDone(failure) : failure
  }
  if (totals.records + totals.failed === 0 && settledThrough === 0 && !interrupted.aborted) {
    await reporter.note('the input held no record; give one as the second argument, with --file, or on stdin')
  }
  if (interrupted.aborted) {
    throw new CommandError({
      ending: 'interrupted',
      code: 'Interrupted',
      message: `interrupted; the first ${formatCounted(settledThrough, 'record')} of the input are stored`,
      hint: goOn,
    })
  }
  if (totals.failed > 0) {
    throw new CommandError({
      ending: totals.records > 0 ? 'partly' : 'failed',
      code: 'RecordsFailed',
      message: `${formatCounted(totals.failed, 'record')} failed, ${formatCount(totals.records)} were stored`,
    })
  }
}

async function offerAll(
  run: PutRun,
  chunks: AsyncIterable<Uint8Array>,
  keyOf: (data: Uint8Array, number: number) => string,
  putter: OrderedPutter,
  interrupted: AbortSignal,
): Promise<void> {
  // A value on the command line is one record, whatever is in it.
  const source = run.single ? { form: 'lines', records: chunks } : await openRecordSource(chunks, run.input)
  let number = 0
  for await (const data of untilAborted(source.records, interrupted)) {
    number++
    if (number <= run.skip) continue
    if (source.form === 'ndjson') parseJson(data, number)
    const partitionKey = keyOf(data, number)
    const room = putter.offer({ number, data, partitionKey, hashKey: hashKeyOf(partitionKey) })
    if (room !== undefined) await room
    if (interrupted.aborted) return
  }
  if (number < run.skip) throw usageError(`the input has ${number} records, fewer than --skip ${run.skip}`)
}

/** Ends at an abort even while the source is silent. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted])
    if (next === undefined || next.done === true) return
    yield next.value
  }
}

function countBytes(chunks: AsyncIterable<Uint8Array>): {
  readonly chunks: AsyncIterable<Uint8Array>
  bytes(): number
} {
  let bytes = 0
  const counting = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length
      yield chunk
    }
  }
  return { chunks: counting(), bytes: () => bytes }
}
