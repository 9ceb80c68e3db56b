/** A client that waits for shards: what is not about their limits should not fail by them. */
import type { KinesisClient } from '@aws-sdk/client-kinesis'

const AGAIN_MS = 200
/** Less than a test has: who waits in vain is to be told for what. */
const PATIENCE_MS = 40_000

/** Has a client call again for as long as a shard has enough for this second, and at most for `patienceMs`. */
export function patient(sdk: KinesisClient, patienceMs = PATIENCE_MS): KinesisClient {
  sdk.middlewareStack.add(
    (next, { commandName }) =>
      async (call) => {
        const untilMs = performance.now() + patienceMs
        for (;;)
          try {
            return await next(call)
          } catch (error) {
            if ((error as Error).name !== 'ProvisionedThroughputExceededException') throw error
            if (performance.now() >= untilMs)
              throw new Error(`${commandName}: the shard had enough for ${patienceMs} ms`, { cause: error })
            await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
          }
      },
    { step: 'initialize' },
  )
  return sdk
}
