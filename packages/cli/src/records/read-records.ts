/**
 * The run of `millrace get` and `millrace tail`: which differ in where they begin and whether they wait at the tip.
 * Records to stdout as the format says, a word on stderr when reading begins, reshards and troubles.
 */
import type { KinesisClient } from '@millrace/client'
import { hashKeyOf } from '@millrace/protocol'
import type { Command } from 'commander'
import { CommandError } from '../exit-code.ts'
import { describeFailure, partlyDone } from '../failure.ts'
import {
  compileFormat,
  formatFields,
  type OutputRecord,
  PIPE_FORMAT,
  type RecordFormat,
  TERMINAL_FORMAT,
} from '../output/format-string.ts'
import { formatBytes, formatCount, formatCounted, formatDuration, formatRate } from '../output/quantities.ts'
import {
  addSessionOptions,
  countOption,
  durationOption,
  type Reporter,
  type SessionOptions,
  streamAndRest,
  type Target,
  withSession,
} from '../session.ts'
import type { Shell } from '../shell.ts'
import { parsePosition } from '../values/position.ts'
import { fullShardId } from '../values/shard-name.ts'
import { recordDocument } from './record-document.ts'
import { deaggregate, type ReadRecord } from './deaggregate.ts'
import { openConsumer } from './fan-out.ts'
import type { ShardBatch } from './shard-source.ts'
import { StreamReader } from './stream-reader.ts'

export interface ReadOptions extends SessionOptions {
  readonly stream?: string
  readonly from: string
  readonly shard?: string
  readonly limit?: number
  readonly untilEnd?: boolean
  readonly format?: string
  readonly stats?: boolean
  readonly interval?: number
  readonly fanOut?: string
  /** Commander's word for --no-deaggregate. */
  readonly deaggregate?: boolean
}

/** At the tip, a shard of five reads a second is read 2.5 times a second here, and once on AWS, where it has others. */
const LOCAL_INTERVAL_MS = 400
const AWS_INTERVAL_MS = 1_000
const STATS_INTERVAL_MS = 1_000
/** The same trouble is said once in this time. */
const TROUBLE_INTERVAL_MS = 5_000

export interface ReadVerb {
  readonly from: string
  readonly untilEnd: boolean
  readonly examples: string
}

export function addReadOptions(command: Command, verb: ReadVerb): Command {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option(
      '--from <position>',
      'trim-horizon, latest, -15m, at:2026-11-22T10:00:00Z, seq:<number>, after:<number>',
      verb.from,
    )
    .option('--shard <shard>', 'only this one (shardId-000000000003, or just 3)')
    .option('--limit <n>', 'stop after so many records', countOption('--limit', 1))
    .option('--format <string>', 'how to write a record (below); default: the value, on a terminal one line of all')
    .option('--stats', 'a line about speed and lag on stderr each second')
    .option('--interval <duration>', 'between reads of a shard at its tip; default 400ms, on AWS 1s', durationOption)
  command.option(
    '--fan-out <consumer>',
    'be pushed the records as this registered consumer; one that is not there is registered for the time',
  )
  command.option('--no-deaggregate', 'show what a producer library aggregated as it is stored')
  if (!verb.untilEnd) command.option('--until-end', 'stop when all there is has been read')
  const fields = formatFields.map(([name, meaning]) => `  ${name}  ${meaning}`).join('\n')
  return command.addHelpText(
    'after',
    `\nExamples:\n${verb.examples}\nFormat strings:\n${fields}\n\n--json writes one document a line.\n`,
  )
}

export async function readRecords(
  shell: Shell,
  positional: string | undefined,
  options: ReadOptions,
  untilEnd: boolean,
): Promise<void> {
  const [stream] = streamAndRest([positional], options.stream)
  const { clock, random } = shell
  const position = parsePosition(options.from, clock.now())
  const write = recordWriter(shell, options)
  const shardId = options.shard === undefined ? undefined : fullShardId(options.shard)
  const work = async (client: KinesisClient, reporter: Reporter, target: Target): Promise<void> => {
    const interrupted = shell.interruption()
    const consumer =
      options.fanOut === undefined
        ? undefined
        : await openConsumer(client, stream, options.fanOut, shardId !== undefined, shell)
    if (consumer?.isTemporary === true) void reporter.note(`registered consumer ${options.fanOut} for the time`)
    const reader = new StreamReader({
      kinesis: client,
      stream,
      position,
      shardId,
      untilEnd,
      consumerArn: consumer?.arn,
      pollIntervalMs: pollInterval(options, target),
      clock,
      random,
      signal: interrupted,
      onReady: (shards) => {
        if (!untilEnd)
          void reporter.note(`following ${formatCounted(shards, 'shard')} of ${stream} from ${options.from}`)
      },
      onReshard: (parent, children) => {
        if (!untilEnd) void reporter.note(`${parent} ended${children.length === 0 ? '' : ` → ${children.join(', ')}`}`)
      },
      onTrouble: troubleTeller(shell, reporter),
    })
    const stats = options.stats === true ? new ReadStats(shell) : undefined
    let records = 0
    let isTakenOver = false
    try {
      for await (const stored of reader.batches()) {
        const batch = options.deaggregate === false ? stored : deaggregate(stored)
        const room = (options.limit ?? Infinity) - records
        const taken = batch.records.length > room ? { ...batch, records: batch.records.slice(0, room) } : batch
        await write(stream, taken, records)
        records += taken.records.length
        await stats?.add(taken)
        if (records === options.limit) break
      }
    } catch (error) {
      // Somebody else reads as this consumer now, and would lose it.
      isTakenOver = error instanceof Error && 'type' in error && error.type === 'ResourceInUseException'
      throw records > 0 ? partlyDone(error) : error
    } finally {
      if (!isTakenOver) {
        await consumer
          ?.close()
          .catch(() => reporter.note(`${options.fanOut} is still registered: millrace consumer rm`))
      }
    }
    await stats?.end()
    if (interrupted.aborted) {
      throw new CommandError({
        ending: 'interrupted',
        code: 'Interrupted',
        message: `interrupted after ${formatCounted(records, 'record')}`,
      })
    }
    if (untilEnd && records === 0) await reporter.note(`no records from ${options.from} on`)
  }
  // A subscription occupies a connection of HTTP/1.1, and one stream of HTTP/2.
  await withSession(shell, options, work, options.fanOut === undefined ? undefined : '2')
}

function pollInterval(options: ReadOptions, target: Target): number {
  return options.interval ?? (target.isAws ? AWS_INTERVAL_MS : LOCAL_INTERVAL_MS)
}

type ReadBatch = Omit<ShardBatch, 'records'> & { readonly records: readonly ReadRecord[] }

/** Writes the records of a batch in one piece: one system call, not one per record. */
function recordWriter(
  { stdout, clock }: Shell,
  options: ReadOptions,
): (stream: string, batch: ReadBatch, before: number) => Promise<void> {
  const json = options.json === true || options.jsonLines === true
  const template = options.format ?? (stdout.width === undefined ? PIPE_FORMAT : TERMINAL_FORMAT)
  const format: RecordFormat = json
    ? (record) => Buffer.from(`${JSON.stringify(recordDocument(record))}\n`)
    : compileFormat(template, { nowMs: () => clock.now(), hashKeyOf })
  return async (stream, { shardId, records }, before) => {
    if (records.length === 0) return
    const pieces = records.map((record, i): Uint8Array => {
      const output: OutputRecord = {
        stream,
        shardId,
        sequenceNumber: record.SequenceNumber,
        subSequenceNumber: record.subSequenceNumber,
        partitionKey: record.PartitionKey ?? '',
        data: record.Data,
        arrivalMs: record.ApproximateArrivalTimestamp ?? 0,
        number: before + i + 1,
      }
      return format(output)
    })
    await stdout.write(Buffer.concat(pieces))
  }
}

/** Tells of troubles that pass by themselves, each kind once in a while. */
function troubleTeller({ clock }: Shell, reporter: Reporter): (error: unknown) => void {
  const toldAtMs = new Map<string, number>()
  return (error) => {
    const { code, message, ending } = describeFailure(error)
    const nowMs = clock.monotonic()
    if (nowMs - (toldAtMs.get(code) ?? -Infinity) < TROUBLE_INTERVAL_MS) return
    toldAtMs.set(code, nowMs)
    void reporter.note(ending === 'throttled' ? `throttled, going on: ${message}` : `trying again: ${message}`)
  }
}

/** `--stats`: a line on stderr once a second while records come, and one at the end. */
class ReadStats {
  readonly #shell: Shell
  readonly #startedMs: number
  #saidMs: number
  #records = 0
  #bytes = 0
  readonly #behindMs = new Map<string, number>()

  constructor(shell: Shell) {
    this.#shell = shell
    this.#startedMs = this.#saidMs = shell.clock.monotonic()
  }

  async add(batch: ShardBatch): Promise<void> {
    this.#records += batch.records.length
    for (const record of batch.records) this.#bytes += record.Data.length
    if (batch.ended) this.#behindMs.delete(batch.shardId)
    else this.#behindMs.set(batch.shardId, batch.millisBehindLatest)
    const nowMs = this.#shell.clock.monotonic()
    if (nowMs - this.#saidMs < STATS_INTERVAL_MS) return
    this.#saidMs = nowMs
    await this.end()
  }

  async end(): Promise<void> {
    const elapsedMs = this.#shell.clock.monotonic() - this.#startedMs
    const behindMs = Math.max(0, ...this.#behindMs.values())
    await this.#shell.stderr.write(
      `${formatCount(this.#records)} records  ${formatBytes(this.#bytes)}  ${formatRate(this.#records, elapsedMs)}  ` +
        `${formatCounted(this.#behindMs.size, 'shard')}  behind ${formatDuration(behindMs)}\n`,
    )
  }
}
