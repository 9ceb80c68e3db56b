/** What all clients of a world share: the machine they talk to, the way there, and where they write down what they see. */
import type { Operation } from '@millrace/protocol'
import type { Random } from '@millrace/std'
import type { History } from '../history/events.ts'
import type { Coverage } from './coverage.ts'
import type { KnownStream } from './known-streams.ts'
import type { Machine } from './machine.ts'
import type { Network, Reply } from './network.ts'
import type { Plan } from './plan.ts'
import type { ServerLife } from './server-life.ts'

export interface Scene {
  readonly random: Random
  readonly plan: Plan
  readonly machine: Machine
  readonly network: Network
  readonly history: History
  readonly coverage: Coverage
  readonly streams: readonly KnownStream[]
}

/** All that a caller may be told of a request that is well made. */
const REFUSALS: ReadonlySet<string> = new Set([
  'ResourceNotFoundException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'ExpiredIteratorException',
  'ExpiredNextTokenException',
])

/** Asks, and complains of answers that nobody may give now. */
export async function ask<I, O>(
  scene: Scene,
  operation: Operation<I, O>,
  input: I,
  { server, stream }: { readonly server?: ServerLife; readonly stream?: KnownStream } = {},
): Promise<Reply<O>> {
  const { machine, network, history, coverage, plan } = scene
  const asked = server ?? anyServer(scene)
  const mayBeGone = stream?.beginRequest() ?? (() => false)
  coverage.add(operation.name)
  const reply = await network.call(asked, machine.clock, operation, input)
  // Reshards of an on-demand stream.
  const mayBeInvalid = plan.changesModes && reply.kind === 'refused' && reply.message.endsWith('is in On-Demand mode.')
  if (reply.kind === 'refused' && !REFUSALS.has(reply.type) && !mayBeInvalid)
    history.add({ kind: 'complaint', what: `${operation.name} was refused with ${reply.type}: ${reply.message}` })
  if (reply.kind === 'failed') {
    coverage.add('failures answered')
    // A stream deleted meanwhile leaves a put nowhere to go; a short deadline is missed.
    if (!machine.isAiling && plan.handlingMs >= 20_000 && !mayBeGone())
      history.add({ kind: 'complaint', what: `${operation.name} failed with ${reply.type} on a sound machine` })
  }
  return reply
}

export function anyServer({ machine, random }: Scene): ServerLife {
  const server = machine.servers[Math.floor(random.float() * machine.servers.length)]
  if (server === undefined) throw new Error('a world has a server')
  return server
}

export function firstServer({ machine }: Scene): ServerLife {
  const [server] = machine.servers
  if (server === undefined) throw new Error('a world has a server')
  return server
}
