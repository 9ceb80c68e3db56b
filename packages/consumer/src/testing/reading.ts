/** A reader of a scripted stream on the virtual clock. */
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { fanOut, type OpenRetrieval, polling } from '../retrieval/retrieval.ts'
import type { ReadBatch, ReadPosition, ShardReader } from '../retrieval/shard-reader.ts'
import type { ReaderCondition } from '../retrieval/watchdog.ts'
import { ScriptedStream, SHARD } from './scripted-stream.ts'

export type Kind = 'polling' | 'fan-out'

export interface ReadingOptions {
  readonly position?: ReadPosition
  readonly open?: OpenRetrieval
  readonly seed?: number
  readonly isAws?: boolean
}

export class Reading {
  readonly clock = new VirtualClock()
  readonly stream = new ScriptedStream(this.clock)
  readonly abort = new AbortController()
  readonly reader: ShardReader
  readonly troubles: unknown[] = []
  readonly conditions: ReaderCondition[] = []
  readonly logged: string[] = []

  constructor(kind: Kind, options: ReadingOptions = {}) {
    const { position = { kind: 'trim-horizon' }, seed = 1, isAws = false } = options
    const open = options.open ?? (kind === 'polling' ? polling() : fanOut())
    const log = (level: string) => (message: string) => void this.logged.push(`${level} ${message}`)
    const endpoint = new URL(isAws ? 'https://kinesis.eu-central-1.amazonaws.com' : 'http://localhost:4567')
    const retrieval = open({
      service: Object.assign(this.stream, { endpoint }),
      application: 'app',
      clock: this.clock,
      random: seededRandom(seed),
      logger: { debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') },
      onCondition: (_, condition) => this.conditions.push(condition),
    })
    const onTrouble = (error: unknown): void => void this.troubles.push(error)
    this.reader = retrieval.open({ stream: 's', shardId: SHARD, position, onTrouble })
  }

  next(): Promise<ReadBatch> {
    return this.run(this.reader.next(this.abort.signal))
  }

  run<T>(work: Promise<T>): Promise<T> {
    return runClock(this.clock, work)
  }

  /** Time passes, and what it sets off runs. */
  pass(ms: number): Promise<void> {
    return this.run(new Promise((resolve) => void this.clock.setTimer(ms, resolve)))
  }

  /** Sequence numbers up to the shard's end, or until there are `count`. */
  async read(count = Infinity): Promise<string[]> {
    const numbers: string[] = []
    while (numbers.length < count) {
      const batch = await this.next()
      numbers.push(...batch.records.map(({ SequenceNumber }) => SequenceNumber))
      if (batch.isEnd) break
    }
    return numbers
  }
}
