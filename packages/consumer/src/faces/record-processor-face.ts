/** The KCL's face: the application's `RecordProcessor`, one for each shard, and automatic checkpoints if it wants them. */
import type { Checkpointer, RecordProcessor, ShardOfProcessor } from '../record-processor.ts'
import { type CheckpointPace, CheckpointPacer } from '../shards/checkpoint-pacer.ts'
import type { ShardProcessorFactory } from '../shards/shard-processor.ts'

/** Called for each shard that the worker takes. What it throws is handled as what `initialize` throws. */
export type RecordProcessorFactory<Value = Uint8Array> = (shard: ShardOfProcessor) => RecordProcessor<Value>

export interface RecordProcessorOptions {
  /** Checkpoints by themselves, after batches that were processed. Default: none but the processor's. */
  readonly checkpoint?: CheckpointPace | undefined
}

export function recordProcessorFace<Value>(
  factory: RecordProcessorFactory<Value>,
  { checkpoint: pace }: RecordProcessorOptions = {},
): ShardProcessorFactory<Value> {
  return (context) => {
    const { stream, shardId, lost, watch } = context
    const processor = factory({ stream, shardId })
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
function facing(checkpointer: Checkpointer): Checkpointer {
  return {
    checkpoint: (upTo) => checkpointer.checkpoint(upTo),
    prepareCheckpoint: (upTo, state) => checkpointer.prepareCheckpoint(upTo, state),
  }
}
