/** Bugs planted in how the consumer library reads a shard: its place, its pace, and what it takes for silence or an end. */
import type { Mutant, Suite } from './mutant.ts'

const POLLING: Suite = { project: 'units', files: ['consumer/src/retrieval/polling-reader'] }
const FAN_OUT: Suite = { project: 'units', files: ['consumer/src/retrieval/fan-out-reader'] }
const READERS: Suite = { project: 'units', files: ['consumer/src/retrieval/shard-reader'] }
const SHARED: Suite = { project: 'units', files: ['consumer/src/retrieval/shared-shard'] }
const WATCHDOG: Suite = { project: 'units', files: ['consumer/src/retrieval/watchdog'] }
const RECORDS: Suite = { project: 'units', files: ['consumer/src/records/user-records'] }

export const RETRIEVAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'iterator-renewed-at-the-start',
    mechanism: 'an iterator is renewed behind the last record',
    file: 'packages/consumer/src/retrieval/polling-reader.ts',
    find: 'answer.Records.at(-1)?.SequenceNumber ?? this.#lastSequenceNumber',
    replace: 'this.#lastSequenceNumber ?? answer.Records.at(-1)?.SequenceNumber',
    suite: READERS,
  },
  {
    name: 'refused-iterator-renewed-for-ever',
    mechanism: 'an iterator that is refused twice is renewed no more',
    file: 'packages/consumer/src/retrieval/polling-reader.ts',
    find: 'if (!this.#isRenewed) {',
    replace: 'if (type !== undefined) {',
    suite: POLLING,
  },
  {
    name: 'overdraft-not-waited-for',
    mechanism: 'after an answer beyond the budget, the shard is left alone until the budget is full',
    file: 'packages/consumer/src/retrieval/read-pace.ts',
    find: 'if (left < 0) this.#overdrawnUntilMs',
    replace: 'if (left < -Infinity) this.#overdrawnUntilMs',
    suite: POLLING,
  },
  {
    name: 'same-pace-after-a-refusal',
    mechanism: 'a reader that is refused reads more slowly',
    file: 'packages/consumer/src/retrieval/shared-pace.ts',
    find: 'rate * LEFT_OF_RATE',
    replace: 'rate',
    suite: SHARED,
  },
  {
    name: 'never-quicker-again',
    mechanism: 'a reader that is served reads more often again',
    file: 'packages/consumer/src/retrieval/shared-pace.ts',
    find: 'this.#rate += (',
    replace: 'this.#rate += 0 * (',
    suite: SHARED,
  },
  {
    name: 'empty-continuation-forgotten',
    mechanism: 'a subscription goes on from the continuation of an event without records',
    file: 'packages/consumer/src/retrieval/fan-out-reader.ts',
    find: 'ContinuationSequenceNumber ?? Records.at(-1)?.SequenceNumber ?? this.#continuation',
    replace: 'Records.at(-1)?.SequenceNumber ?? this.#continuation',
    suite: FAN_OUT,
  },
  {
    name: 'subscribes-too-soon',
    mechanism: 'no second subscription within five seconds',
    file: 'packages/consumer/src/retrieval/fan-out-reader.ts',
    find: 'if (isFirst) this.#dueMs = clock.monotonic() + SUBSCRIPTION_TAKEOVER_MS + TAKEOVER_SLACK_MS',
    replace: 'if (isFirst) this.#dueMs = clock.monotonic() + TAKEOVER_SLACK_MS',
    suite: FAN_OUT,
  },
  {
    name: 'lost-consumer-is-the-end',
    mechanism: 'a consumer that somebody deregistered is registered anew',
    file: 'packages/consumer/src/retrieval/fan-out-reader.ts',
    find: 'if (this.#isDoubted) break',
    replace: 'if (!this.#isDoubted) break',
    suite: FAN_OUT,
  },
  {
    name: 'heartbeats-not-read-on',
    mechanism: 'heartbeats are read on while nobody asks',
    file: 'packages/consumer/src/retrieval/subscription.ts',
    find: 'if (isHeartbeat(event)) continue',
    replace: '',
    suite: FAN_OUT,
  },
  {
    name: 'events-overtake',
    mechanism: 'an event with records waits to be taken, and holds up what is behind it',
    file: 'packages/consumer/src/retrieval/subscription.ts',
    find: 'await this.#taken.promise',
    replace: 'await Promise.resolve()',
    suite: READERS,
  },
  {
    name: 'silence-not-cut',
    mechanism: 'a dead connection is cut',
    file: 'packages/consumer/src/retrieval/watchdog.ts',
    find: "if (event === 'silence') this.#options.onSilence()",
    replace: '',
    suite: WATCHDOG,
  },
  {
    name: 'slowness-is-silence',
    mechanism: 'silence counts from when somebody asks',
    file: 'packages/consumer/src/retrieval/watchdog.ts',
    find: 'Math.max(demandAtMs, wordAtMs) + silenceMs',
    replace: 'Math.min(demandAtMs, wordAtMs) + silenceMs',
    suite: WATCHDOG,
  },
  {
    name: 'end-without-children',
    mechanism: 'a shard without a way to go on has ended only if it has children',
    file: 'packages/consumer/src/retrieval/shard-end.ts',
    find: 'if (children.length > 0) return children',
    replace: 'if (children.length >= 0) return children',
    suite: READERS,
  },
  {
    name: 'damage-asked-for-ever',
    mechanism: 'a place where the service fails inside is given up after five times',
    file: 'packages/consumer/src/retrieval/read-failure.ts',
    find: 'if (isInside) this.#insideFailures++',
    replace: 'if (isInside && this.#insideFailures < 2) this.#insideFailures++',
    suite: { ...READERS, test: 'gives up on a place' },
  },
  {
    name: 'aggregate-dropped-whole',
    mechanism: 'user records are judged one by one by their hash key',
    file: 'packages/consumer/src/records/user-records.ts',
    find: 'const name = explicitHashKey === undefined ?',
    replace: 'const name = range.first >= 0n ? String(range) : explicitHashKey === undefined ?',
    suite: RECORDS,
  },
  {
    name: 'whole-aggregate-again',
    mechanism: 'a checkpoint within an aggregated record covers the records up to it',
    file: 'packages/consumer/src/records/user-records.ts',
    find: 'if (compareSequenceNumbers(record, this.#checkpoint) <= 0) return true',
    replace: 'if (compareSequenceNumbers(record, { ...this.#checkpoint, subSequenceNumber: 0 }) <= 0) return true',
    suite: RECORDS,
  },
]
