/** Bugs of how a shard is consumed: delivery, failures, checkpoints, the faces; and of how its lease ends or is moved. */
import type { Mutant, Suite } from './mutant.ts'

const SHARDS: Suite = { project: 'units', files: ['consumer/src/shards/shard-consumer.properties'] }
const SRC = 'packages/consumer/src'

export const SHARD_MUTANTS: readonly Mutant[] = [
  {
    name: 'failed-batch-counts',
    mechanism: 'a batch that failed does not count as delivered: the next checkpoint does not pass over it',
    file: `${SRC}/shards/shard-consumer.ts`,
    find: 'checkpointer.withdrawTo(before)',
    replace: 'void before',
    suite: { project: 'units', files: ['consumer/src/shards/shard-consumer.test'] },
  },
  {
    name: 'checkpoint-withdrawn',
    mechanism: 'what was checkpointed of a batch that failed stays checkpointed',
    file: `${SRC}/checkpointer.ts`,
    find: 'this.#delivered = compareSequenceNumbers(place, this.last) < 0 ? this.last : place',
    replace: 'this.#delivered = place; this.#wanted = { checkpoint: place }',
    suite: SHARDS,
  },
  {
    name: 'delivery-after-loss',
    mechanism: 'nothing is delivered after the lease was lost',
    file: `${SRC}/shards/failure-handler.ts`,
    find: `      this.#options.stopping.throwIfAborted()
      try {
        await delivery.attempt(remaining)`,
    replace: `      try {
        await delivery.attempt(remaining)`,
    suite: SHARDS,
  },
  {
    name: 'half-forgotten',
    mechanism: 'both halves of a batch that is halved are delivered',
    file: `${SRC}/shards/failure-handler.ts`,
    find: 'await this.deliver(remaining.slice(middle), delivery, true)',
    replace: 'delivery.passOver(remaining.slice(middle))',
    suite: SHARDS,
  },
  {
    name: 'acknowledged-before-the-sink',
    mechanism: 'a dead letter counts as done with when its sink has it',
    file: `${SRC}/shards/failure-handler.ts`,
    find: 'for (const record of records) await this.#bury(poison, record, error, attempts)',
    replace: 'for (const record of records) this.#bury(poison, record, error, attempts).catch(() => {})',
    suite: SHARDS,
  },
  {
    name: 'letter-lost',
    mechanism: 'a sink that rejects is asked again',
    file: `${SRC}/shards/failure-handler.ts`,
    find: "emit({ kind: 'dead-letter-failure', error: cause, failures, delayMs })",
    replace: 'return',
    suite: SHARDS,
  },
  {
    name: 'pace-past-what-is-done',
    mechanism: 'an automatic checkpoint goes as far as what is done, not as what is in hand',
    file: `${SRC}/shards/checkpoint-pacer.ts`,
    find: 'if (place !== undefined) await this.#context.checkpointer.advance(place)',
    replace: 'if (place !== undefined) await this.#context.checkpointer.advance(this.#context.checkpointer.delivered)',
    suite: SHARDS,
  },
  {
    name: 'checkpoint-at-a-gap',
    mechanism: 'a checkpoint goes only as far as everything before it is done',
    file: `${SRC}/faces/low-watermark.ts`,
    find: 'while (this.#entries[this.#head]?.isDone === true) this.#head++',
    replace: 'while (this.#entries.slice(this.#head).some(({ isDone }) => isDone)) this.#head++',
    suite: SHARDS,
  },
  {
    name: 'keys-side-by-side',
    mechanism: 'records of one key are handled one after another',
    file: `${SRC}/faces/each-face.ts`,
    find: 'const lane = key === undefined ? undefined : this.#lanes.get(key)',
    replace: 'const lane: Waiting<Value>[] | undefined = undefined as Waiting<Value>[] | undefined',
    suite: SHARDS,
  },
  {
    name: 'last-handler-forgotten',
    mechanism: 'the last checkpoint of a released lease has what its handlers finished',
    file: `${SRC}/faces/each-face.ts`,
    find: 'await Promise.all(this.#running)',
    replace: '',
    suite: { project: 'units', files: ['consumer/src/faces/each-face'] },
  },
  {
    name: 'end-before-the-handlers',
    mechanism: 'a shard ends when all its handlers are done',
    file: `${SRC}/faces/each-face.ts`,
    find: 'while (this.#watermark.outstanding > 0) await this.#rise()',
    replace: '',
    suite: SHARDS,
  },
  {
    name: 'end-before-the-loop',
    mechanism: 'a shard of batches ends when all of them are acknowledged',
    file: `${SRC}/faces/batches-face.ts`,
    find: 'if (this.#pacer !== undefined || this.#isAcknowledged) return',
    replace: 'if (this.#pacer !== undefined || this.#channel !== undefined) return',
    suite: { project: 'units', files: ['consumer/src/faces/batches-face'] },
  },
  {
    name: 'failed-batch-of-the-loop-done',
    mechanism: 'a batch that the loop says failed comes again',
    file: `${SRC}/faces/batches-face.ts`,
    find: "if (parting.kind === 'failed') throw parting.error",
    replace: '',
    suite: SHARDS,
  },
  {
    name: 'two-checkpoints-at-once',
    mechanism: 'one call of the store is under way for a shard',
    file: `${SRC}/checkpointer.ts`,
    find: 'if (this.#underWay === undefined) void this.#storeAll()',
    replace: 'void this.#storeAll()',
    suite: SHARDS,
  },
  {
    name: 'checkpoint-back',
    mechanism: 'a checkpoint never goes back',
    file: `${SRC}/checkpointer.ts`,
    find: 'if (compareSequenceNumbers(value, this.last) < 0)',
    replace: 'if (compareSequenceNumbers(value, this.last) < -Infinity)',
    suite: { project: 'units', files: ['consumer/src/checkpointer.test'] },
  },
  {
    name: 'lost-by-its-own-end',
    mechanism: 'news of SHARD_END that come before the answer of who stores it end no holding',
    file: `${SRC}/leases/holding.ts`,
    find: 'this.#isEnding = true',
    replace: 'this.#isEnding = false',
    suite: { project: 'units', files: ['consumer/src/leases/lease-coordinator'] },
  },
  {
    name: 'moved-lease-keeps-its-owner',
    mechanism:
      'a lease that is moved in DynamoDB is taken from its owner: a KCL would take the new term for its own renewal',
    file: `${SRC}/leases/dynamodb/dynamo-applications.ts`,
    find: 'items.update(stored, withoutOwner(change), signal)',
    replace: 'items.update(stored, change, signal)',
    suite: { project: 'units', files: ['consumer/src/leases/dynamodb/dynamo-applications'] },
  },
]
