/**
 * A client for a service that takes its time, as AWS does: CREATING, UPDATING and DELETING are seen there, and most
 * calls are refused meanwhile. What is not about these states should not fail by them.
 */
import {
  DescribeChannelCommand,
  DescribeStreamConsumerCommand,
  type DescribeStreamConsumerCommandInput,
  DescribeStreamSummaryCommand,
  type DescribeStreamSummaryCommandInput,
  type KinesisClient,
} from '@aws-sdk/client-kinesis'

export interface Patience {
  /** From one look to the next. Default: 200. */
  readonly againMs?: number
  /** Default: 300,000, as AWS takes minutes for a scaling. Less than a test has at a service that runs elsewhere. */
  readonly patienceMs?: number
}

const AGAIN_MS = 200
const PATIENCE_MS = 300_000

/** What a call was about, or told of. */
interface Named {
  readonly StreamName?: string
  readonly StreamARN?: string
  readonly ConsumerName?: string
  readonly ConsumerARN?: string
  readonly ChannelARN?: string
  readonly Consumer?: { readonly ConsumerARN?: string }
  readonly ChannelDescription?: { readonly ChannelARN?: string }
}

export type Settled = { readonly StreamName: string } | { readonly ConsumerARN: string }

/** The status of a thing; undefined: it is not there. */
type Look = (sdk: KinesisClient, input: Named, output: Named) => Promise<string | undefined>

const stream: Look = async (sdk, { StreamName, StreamARN }) => {
  const input = { StreamName, StreamARN } as DescribeStreamSummaryCommandInput
  return (await sdk.send(new DescribeStreamSummaryCommand(input))).StreamDescriptionSummary?.StreamStatus
}
const consumer: Look = async (sdk, { StreamARN, ConsumerName, ConsumerARN }, { Consumer }) => {
  const found = Consumer?.ConsumerARN ?? ConsumerARN
  const input = (
    found === undefined ? { StreamARN, ConsumerName } : { ConsumerARN: found }
  ) as DescribeStreamConsumerCommandInput
  return (await sdk.send(new DescribeStreamConsumerCommand(input))).ConsumerDescription?.ConsumerStatus
}
const channel: Look = async (sdk, { ChannelARN }, { ChannelDescription }) => {
  const input = { ChannelARN: ChannelDescription?.ChannelARN ?? ChannelARN }
  return (await sdk.send(new DescribeChannelCommand(input))).ChannelDescription?.ChannelStatus
}

/** What each command changes. */
const changes: Readonly<Record<string, Look>> = {
  CreateStreamCommand: stream,
  DeleteStreamCommand: stream,
  SplitShardCommand: stream,
  MergeShardsCommand: stream,
  UpdateShardCountCommand: stream,
  UpdateStreamModeCommand: stream,
  UpdateStreamWarmThroughputCommand: stream,
  UpdateStreamRecordDistributionStrategyCommand: stream,
  UpdateMaxRecordSizeCommand: stream,
  StartStreamEncryptionCommand: stream,
  StopStreamEncryptionCommand: stream,
  IncreaseStreamRetentionPeriodCommand: stream,
  DecreaseStreamRetentionPeriodCommand: stream,
  EnableEnhancedMonitoringCommand: stream,
  DisableEnhancedMonitoringCommand: stream,
  RegisterStreamConsumerCommand: consumer,
  DeregisterStreamConsumerCommand: consumer,
  CreateChannelCommand: channel,
  UpdateChannelCommand: channel,
  DeleteChannelCommand: channel,
}

/**
 * Has each change answer only when it is done: what was made or changed is at rest, what was deleted is gone. Every
 * call waits for its turn where there are too many a second, or too many changes under way at once. Each is waited for
 * with this patience.
 */
export function settling(sdk: KinesisClient, patience: Patience = {}): KinesisClient {
  sdk.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (call) => {
        const answer = await inTurn(() => next(call), `the turn of ${commandName}`, patience)
        const look = changes[commandName]
        if (look === undefined) return answer
        const isGone = /^(Delete|Deregister)/.test(commandName)
        const status = () => statusOf(() => look(sdk, call.input as Named, answer.output as Named))
        await until(async () => isSettled(await status(), isGone), `the end of ${commandName}`, patience)
        return answer
      },
    { step: 'initialize' },
  )
  return sdk
}

/** Waits until a stream or a consumer that was changed by other means is at rest. */
export async function settled(sdk: KinesisClient, named: Settled): Promise<void> {
  const look = 'ConsumerARN' in named ? consumer : stream
  const status = () => statusOf(() => look(sdk, named, {}))
  await until(async () => isSettled(await status(), false), `the end of a change of ${Object.values(named).join('')}`)
}

const isSettled = (status: string | undefined, isGone: boolean): boolean =>
  isGone ? status === undefined : status === 'ACTIVE' || status === 'FAILED'

/** A look that had to wait for its turn has seen nothing: it is taken again. */
async function statusOf(look: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await look()
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return undefined
    if (isForTooMany(error)) return 'UNKNOWN'
    throw error
  }
}

/** Calls again for as long as others have to be done first. */
async function inTurn<T>(call: () => Promise<T>, what: string, patience: Patience): Promise<T> {
  let answer: { readonly value: T } | undefined
  const isDone = async (): Promise<boolean> => {
    try {
      answer = { value: await call() }
      return true
    } catch (error) {
      if (isForTooMany(error)) return false
      throw error
    }
  }
  await until(isDone, what, patience)
  if (answer === undefined) throw new Error(`${what}: no answer`)
  return answer.value
}

/** Of calls a second, or of things being made at once; not of things that there may be. */
function isForTooMany(error: unknown): boolean {
  const { name, message } = error as Error
  return name === 'LimitExceededException' && /^Rate exceeded|simultaneously|CREATING/.test(message)
}

/** Looks again and again. Fails with what it waited for in vain. */
export async function until(
  isDone: () => Promise<boolean>,
  what: string,
  { againMs = AGAIN_MS, patienceMs = PATIENCE_MS }: Patience = {},
): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (!(await isDone())) {
    if (performance.now() >= endMs) throw new Error(`waited ${patienceMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, againMs))
  }
}
