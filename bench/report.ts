/** The results as a page: ratios first, absolute figures for orientation, losses included. */
import { cpus, loadavg, release } from 'node:os'
import type { ConsumerRow } from './consumers.ts'
import type { DeliveryRow } from './delivery.ts'
import type { DiskCeiling } from './disk-ceiling.ts'
import type { GrowthRow, GrowthSettings, Spread } from './growth.ts'
import type { Row, Settings } from './rows.ts'

export interface Report {
  readonly rows: readonly Row[]
  readonly disk: readonly DiskCeiling[]
  readonly settings: Settings
  readonly residentMiB: number
}

/** Each part of the page begins with its own; what was not measured this time stays as it was. */
export const THROUGHPUT_HEADING = '# Results'
export const DELIVERY_HEADING = '## Delivery'
export const CONSUMERS_HEADING = '## Consumers'
export const GROWTH_HEADING = '## Growth'

export function growthMarkdown(rows: readonly GrowthRow[], { rounds, durationMs, idleMs }: GrowthSettings): string {
  const ratio = (value: number | undefined): string => (value === undefined ? '' : `${value.toFixed(2)} ×`)
  const of = (value: Spread | undefined): string =>
    value === undefined ? '' : `**${value.median.toFixed(2)} ×** (${value.min.toFixed(2)}–${value.max.toFixed(2)})`
  const lines = [
    GROWTH_HEADING,
    '',
    `Made by \`npm run bench -- growth\` on ${machine()}, load average ${loadavg()[0]?.toFixed(1)}. A server that has grown beside one with a ` +
      `stream of 4 shards, in turn: ${rounds} starts, then ${rounds} rounds of ${durationMs / 1000} s of PutRecord and of GetRecords (100 × 100 B) ` +
      `on that stream, 8 connections. CPU is processor time of the server, for each request; idle CPU over ${idleMs / 1000} s without any, from its ` +
      'start on, once it has settled.',
    '',
    '| What grew | Start to first answer | Resident | CPU of PutRecord | CPU of GetRecords | Idle CPU |',
    '|---|---|---|---|---|---|',
  ]
  for (const { growth, start, resident, put, get, idle, absolute } of rows) {
    const cells =
      absolute === undefined
        ? [of(start), ratio(resident), of(put), of(get), ratio(idle)]
        : [
            `${absolute.startMs.toFixed(0)} ms`,
            `${absolute.residentMiB.toFixed(0)} MiB`,
            `${absolute.putUs.toFixed(0)} µs`,
            `${absolute.getUs.toFixed(0)} µs`,
            `${(absolute.idleUs / 1000).toFixed(1)} ms per s`,
          ]
    lines.push(`| ${growth} | ${cells.join(' | ')} |`)
  }
  return [...lines, ''].join('\n')
}

export function consumersMarkdown(rows: readonly ConsumerRow[], { rounds }: Settings): string {
  return [
    CONSUMERS_HEADING,
    '',
    `Made by \`npm run bench -- consumers\` on ${machine()}, load average ${loadavg()[0]?.toFixed(1)}. A stream of 4 shards with 200,000 records of ` +
      `250 B, read from its beginning; each reader in a process of its own, in turn, ${rounds} rounds; timed from the first batch to the last.`,
    '',
    '| Reader | beside the bare loop | Records | CPU of the reader | To reach |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ work, ratio, recordsPerSecond, cpuSeconds, toReach }) =>
        `| ${work} | **${ratio.median.toFixed(2)}** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}) | ${perSecond(recordsPerSecond)} ` +
        `| ${cpuSeconds.toFixed(2)} s per M | ${toReach} |`,
    ),
    '',
  ].join('\n')
}

export function deliveryMarkdown(rows: readonly DeliveryRow[], settings: Settings): string {
  const lines = [
    DELIVERY_HEADING,
    '',
    `Made by \`npm run bench -- delivery\` on ${machine()}, load average ${loadavg()[0]?.toFixed(1)}. Puts of 100 B at an even pace; ` +
      `medians of ${settings.rounds} rounds of ${settings.durationMs / 1000} s, all loads in turn. Clients and server share the machine; CPU ` +
      'is the processor time of the server, which counts more than milliseconds where others use the machine as well.',
    '',
    '| Work | p50 / p99 ms | Server CPU | beside one consumer | To reach |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ work, p50Ms, p99Ms, cpu, cpuRatio, toReach }) =>
        `| ${work} | ${p50Ms.toFixed(2)} / ${p99Ms.toFixed(2)} | ${cpu === undefined ? '' : `${(cpu * 100).toFixed(0)} %`} ` +
        `| ${cpuRatio === undefined ? '' : `**${cpuRatio.toFixed(2)} ×**`} | ${toReach} |`,
    ),
    '',
  ]
  return lines.join('\n')
}

function machine(): string {
  return (
    `${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, ${cpus().length} × ` +
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${process.platform} ${release()}`
  )
}

const perSecond = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(0)}k/s` : `${value.toFixed(0)}/s`

export function markdown({ rows, disk, settings, residentMiB }: Report): string {
  const lines = [
    THROUGHPUT_HEADING,
    '',
    `Made by \`npm run bench\` on ${machine()}. Client, ceilings and server share the machine.`,
    `All ours are durable (fsync), verify signatures (\`--auth keys\`) and have shard limits off. Each row is ${settings.rounds} rounds of ` +
      `${settings.durationMs / 1000} s, ours and its ceilings in turn; ratios are taken round by round (median, range). ` +
      'Ratios and processor time per unit are what counts; absolute figures are of this machine in that hour.',
    '',
    '| Work | Ceiling | Ratio | Ours | Ceiling | Server CPU | p50 / p99 ms | To reach |',
    '|---|---|---|---|---|---|---|---|',
    ...rows.map(
      (row) =>
        `| ${row.work} | ${row.ceiling} | **${row.ratio.median.toFixed(2)}** (${row.ratio.min.toFixed(2)}–${row.ratio.max.toFixed(2)}) ` +
        `| ${perSecond(row.oursPerSecond)} ${row.unit} | ${perSecond(row.ceilingPerSecond)} ` +
        `| ${row.cpuSeconds.toFixed(2)} s per ${row.cpuPer} | ${row.p50Ms.toFixed(2)} / ${row.p99Ms.toFixed(2)} | ${row.toReach} |`,
    ),
    '',
    `Resident memory of the server at the end: ${residentMiB.toFixed(0)} MiB.`,
    '',
    'The disk in that minute, one `pwrite` + `fdatasync` at a time over blocks written before:',
    '',
    '| Size | p50 ms | p99 ms |',
    '|---|---|---|',
    ...disk.map(({ bytes, p50Ms, p99Ms }) => `| ${bytes / 1024} KiB | ${p50Ms.toFixed(3)} | ${p99Ms.toFixed(3)} |`),
    '',
    'GetRecords rows read one range again and again: the next readers of DESIGN, not the first.',
    '',
  ]
  return lines.join('\n')
}
