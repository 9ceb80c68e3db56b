/** The KCL's face: the application's `RecordProcessor`, one for each shard, and automatic checkpoints if it wants them. */
import { checkKind, checkNames, RUN_OPTIONS } from '../option-checks.ts'
import type { Checkpointer, RecordProcessor, ShardOfProcessor } from '../record-processor.ts'
import { checkPace, type CheckpointPace, CheckpointPacer } from '../shards/checkpoint-pacer.ts'
import type { ShardProcessorFactory } from '../shards/shard-processor.ts'

/** Called for each shard that the worker takes. What it throws is handled as what `initialize` throws. */
export type RecordProcessorFactory<Value = Uint8Array> = (shard: ShardOfProcessor) => RecordProcessor<Value>

export interface RecordProcessorOptions {
  /** Checkpoints by themselves, after batches that were processed. Default: none but the processor's. */
  readonly checkpoint?: CheckpointPace | undefined
}

/** A TypeError for what makes no processor, and for options that there are not. */
export function recordProcessorFace<Value>(
  factory: RecordProcessorFactory<Value>,
  options: RecordProcessorOptions = {},
): ShardProcessorFactory<Value> {
  checkKind(typeof factory === 'function', 'a function that makes a processor', factory, 'Write run(() => processor).')
  checkNames(options, ['checkpoint', ...RUN_OPTIONS], 'run')
  const { checkpoint: pace } = options
  checkPace(pace)
  return (context) => {
    const { stream, shardId, lost, watch } = context
    const processor = factory({ stream, shardId })
    const isProcessor = typeof (processor as Partial<typeof processor> | undefined)?.processRecords === 'function'
    checkKind(isProcessor, 'a processor with a method processRecords of what is given to run', processor)
    const pacer = pace && new CheckpointPacer(context, pace)
    const checkpointer = facing(context.checkpointer)
    return {
      async initialize(input) {
        await watch('initialize', () => processor.initialize?.(input))
      },
      async process(records, millisBehindLatest) {
        const input = { stream, shardId, records, checkpointer, millisBehindLatest, lost }
        await context.process(records, () => processor.processRecords(input))
        const last = records.at(-1)
        if (last !== undefined) pacer?.progress(last, records.length)
      },
      passOver(place, records) {
        pacer?.progress(place, records)
      },
      async shardEnded() {
        await watch('shardEnded', () => processor.shardEnded?.({ checkpointer }))
        pacer?.close()
      },
      async settle() {
        await pacer?.flush()
      },
      async shutdownRequested(reason) {
        try {
          await pacer?.flush()
        } finally {
          await watch('shutdownRequested', () => processor.shutdownRequested?.({ checkpointer, reason }))
        }
      },
      async leaseLost() {
        await watch('leaseLost', () => processor.leaseLost?.())
      },
    }
  }
}

/** What the application may do with it, and no more. */
export function facing(checkpointer: Checkpointer): Checkpointer {
  return {
    checkpoint: (upTo) => checkpointer.checkpoint(upTo),
    prepareCheckpoint: (upTo, state) => checkpointer.prepareCheckpoint(upTo, state),
  }
}
