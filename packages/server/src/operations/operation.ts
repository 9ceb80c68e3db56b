/**
 * What an operation is to the service: a name of the protocol and an async function from its typed input to its
 * typed output, run for one caller. Operations throw `KinesisError` and know the engine port, never an engine.
 */

/** Who asks, and for how long. No socket: simulation, embedding and worker threads make one by hand. */
export interface OperationContext {
  /** 12 digits. */
  readonly account: string
  /** Like `us-east-1`. Accounts and regions are separate worlds. */
  readonly region: string
  /** For log lines; answered to the client as `x-amzn-RequestId`. */
  readonly requestId: string
  /** On the clock's monotonic scale: what is undecided then is answered with an error. */
  readonly deadlineMs: number
  /** Aborted when the client went away or the service stops. */
  readonly signal: AbortSignal
}
