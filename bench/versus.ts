/** Ours beside others under one closed-loop load: findings, a row for each side, and a picture. */
import { type Bar, clientShare, type Finding, peakMemory, type PartReport, type Table, type Target } from './part.ts'
import { inTurn, type PairOptions, type Side, type SideResult } from './pairs.ts'
import { shortNumber, spreadText } from './page.ts'
import { median, ratios, spreadOf } from './statistics.ts'

export interface NamedSide extends Side {
  readonly name: string
  readonly isOurs?: boolean
}

export interface Versus extends PairOptions {
  readonly work: string
  /** Of the picture's file. */
  readonly name: string
  /** Of which the rates are, e.g. `records`. */
  readonly unit: string
  /** Processor time is told for so many units, e.g. 1e6 and `1M records`. */
  readonly cpuUnits: number
  readonly cpuPer: string
  readonly cpuTarget?: Target
  /** What our rate is to be, of the side with that name. */
  readonly rateTargets?: Readonly<Record<string, Target>>
}

export interface VersusReport extends Required<Pick<PartReport, 'findings' | 'tables' | 'pictures'>> {
  readonly results: readonly SideResult[]
}

export async function versus(sides: readonly NamedSide[], options: Versus): Promise<VersusReport> {
  const { work, name, unit, cpuUnits, cpuPer, cpuTarget, rateTargets = {} } = options
  const results = await inTurn(sides, options)
  const ours = results[sides.findIndex(({ isOurs }) => isOurs)]
  if (ours === undefined) throw new Error(`${work}: none of the sides is ours`)
  const findings: Finding[] = sides.flatMap((side, i) => {
    if (side.isOurs === true) return []
    const value = spreadOf(ratios(ours.unitsPerSecond, results[i]?.unitsPerSecond ?? []))
    const target = rateTargets[side.name]
    return [
      {
        work,
        measure: `rate, of ${side.name}`,
        value,
        unit: '×' as const,
        ...(target === undefined ? {} : { target }),
      },
    ]
  })
  findings.push({
    work,
    measure: `CPU per ${cpuPer}`,
    value: spreadOf(ours.cpuSecondsPerUnit.map((seconds) => seconds * cpuUnits)),
    unit: 's',
    ...(cpuTarget === undefined ? {} : { target: cpuTarget }),
  })
  findings.push(peakMemory(work, ours.peakMiB), clientShare(work, spreadOf(ours.clientShare)))
  return {
    findings,
    results,
    tables: [sideTable(sides, results, options)],
    pictures: [{ name, title: work, unit: `${unit}/s`, bars: barsOf(sides, results) }],
  }
}

function sideTable(
  sides: readonly NamedSide[],
  results: readonly SideResult[],
  { work, unit, cpuUnits, cpuPer }: Versus,
): Table {
  return {
    title: `${work}:`,
    columns: [
      'Side',
      `${unit} a second`,
      `CPU s per ${cpuPer}`,
      'p50 / p99 / p99.9 ms',
      'load generator’s CPU',
      'peak MiB',
    ],
    rows: sides.map(({ name }, i) => {
      const {
        unitsPerSecond = [],
        cpuSecondsPerUnit = [],
        latency = [],
        clientShare: shares = [],
        peakMiB = NaN,
      } = results[i] ?? {}
      const at = (which: 'p50' | 'p99' | 'p999'): string => shortNumber(median(latency.map((some) => some[which])))
      return [
        name,
        spreadText(spreadOf(unitsPerSecond), ''),
        shortNumber(median(cpuSecondsPerUnit) * cpuUnits),
        `${at('p50')} / ${at('p99')} / ${at('p999')}`,
        `${shortNumber(median(shares))} ×`,
        peakMiB.toFixed(0),
      ]
    }),
  }
}

function barsOf(sides: readonly NamedSide[], results: readonly SideResult[]): Bar[] {
  return sides.map(({ name, isOurs = false }, i) => ({
    label: name,
    value: spreadOf(results[i]?.unitsPerSecond ?? []),
    isOurs,
  }))
}

/** Several comparisons as one part. */
export function joined(reports: readonly PartReport[]): PartReport {
  return {
    findings: reports.flatMap(({ findings }) => findings),
    tables: reports.flatMap(({ tables = [] }) => tables),
    pictures: reports.flatMap(({ pictures = [] }) => pictures),
    notes: reports.flatMap(({ notes = [] }) => notes),
  }
}
