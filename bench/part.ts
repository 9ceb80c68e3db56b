/** A part of the benchmark: some rows of the targets, what it found, and what of it is drawn. */
import type { MeasuredProcess } from './processes.ts'
import type { Rival } from './rivals.ts'
import type { Spread } from './statistics.ts'

/** What a part is given. */
export interface Bench {
  /** Its own, empty; removed when it is done. */
  readonly folder: string
  /** The first for a whole run, the second for `--quick`. */
  readonly pick: <T>(whole: T, quick: T) => T
  /** One of ours on the directory of that name in `folder`: durable, signatures verified, shard limits off. */
  readonly millrace: (name: string, start?: MillraceStart) => Promise<MeasuredProcess>
  /** Ends with the part, whatever happens. */
  readonly started: <T extends MeasuredProcess>(process: Promise<T>) => Promise<T>
  /** Those that can be had. */
  readonly rivals: readonly Rival[]
  /** Says what is being done. */
  readonly tell: (what: string) => void
  /** GiB of log where a large one is wanted. */
  readonly gib: number
  /** How long the trickle takes. */
  readonly trickleMinutes: number
}

export interface MillraceStart {
  readonly options?: readonly string[]
  readonly nodeOptions?: readonly string[]
}

export type Unit = '×' | 'ms' | 's' | 'µs' | 'MiB' | ''

export interface Target {
  readonly is: 'at least' | 'at most'
  readonly reach: number
  readonly beyond?: number
}

/** One figure of a row of the targets. */
export interface Finding {
  readonly work: string
  readonly measure: string
  readonly value: Spread
  readonly unit: Unit
  /** Default: none, it is told for orientation. */
  readonly target?: Target
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface Bar {
  readonly label: string
  readonly value: Spread
  readonly isOurs: boolean
}

/** A comparison as a bar chart. */
export interface Picture {
  /** Of the file, without its ending. */
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly bars: readonly Bar[]
}

export interface PartReport {
  readonly findings: readonly Finding[]
  readonly tables?: readonly Table[]
  readonly pictures?: readonly Picture[]
  /** What has to be known to read the figures; a sentence or more each. */
  readonly notes?: readonly string[]
}

export interface Part {
  /** As in `npm run bench -- NAME`. */
  readonly name: string
  readonly heading: string
  readonly run: (bench: Bench) => Promise<PartReport>
  /** Without short rounds that say anything: not among those of `--quick`, unless it is named. */
  readonly isLong?: boolean
}

export const atLeast = (reach: number, beyond?: number): Target => target('at least', reach, beyond)

export const atMost = (reach: number, beyond?: number): Target => target('at most', reach, beyond)

function target(is: Target['is'], reach: number, beyond: number | undefined): Target {
  return { is, reach, ...(beyond === undefined ? {} : { beyond }) }
}

/** Of a figure that was taken once. */
export const once = (value: number): Spread => ({ median: value, min: value, max: value })

/** DESIGN: whatever the load. */
const PEAK_MIB_MAX = 600

export function peakMemory(work: string, peakMiB: number): Finding {
  return { work, measure: 'peak memory', value: once(peakMiB), unit: 'MiB', target: atMost(PEAK_MIB_MAX) }
}

/** What the load generator may take of the server's processor time. */
const CLIENT_SHARE_MAX = 1 / 3

export function clientShare(work: string, shares: Spread): Finding {
  return {
    work,
    measure: 'load generator’s CPU, of the server’s',
    value: shares,
    unit: '×',
    target: atMost(CLIENT_SHARE_MAX),
  }
}

export type Verdict = 'beyond' | 'reached' | `short by ${string}` | 'not measured' | ''

export function verdictOf({ value: { median }, target: wanted }: Finding): Verdict {
  if (wanted === undefined) return ''
  const { is, reach, beyond } = wanted
  if (Number.isNaN(median)) return 'not measured'
  const meets = (bound: number): boolean => (is === 'at least' ? median >= bound : median <= bound)
  if (beyond !== undefined && meets(beyond)) return 'beyond'
  if (meets(reach)) return 'reached'
  return `short by ${(Math.abs(median / reach - 1) * 100).toFixed(0)} %`
}
