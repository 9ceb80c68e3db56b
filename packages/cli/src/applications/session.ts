/** What every `millrace app` verb begins with: which store has the leases, which application, and which of its leases. */
import type { KinesisClient } from '@millrace/client'
import type { Lease, LeaseAdministration } from '@millrace/consumer'
import { parseStreamArn } from '@millrace/protocol'
import type { Command } from 'commander'
import { CommandError, usageError } from '../exit-code.ts'
import { addSessionOptions, type Reporter, type SessionOptions, withSession } from '../session.ts'
import type { Shell } from '../shell.ts'
import { fullShardId } from '../values/shard-name.ts'
import { openApplications } from './open-applications.ts'
import { parseStore } from './store-address.ts'

export interface ApplicationOptions extends SessionOptions {
  readonly store: string
  readonly shard?: readonly string[]
  readonly stream?: string
}

export interface ApplicationSession {
  readonly applications: LeaseAdministration
  /** For the streams. */
  readonly client: KinesisClient
  readonly reporter: Reporter
  readonly signal: AbortSignal
}

export function addApplicationOptions(command: Command): Command {
  return addSessionOptions(command).option(
    '--store <store>',
    'what keeps the leases: service, dynamodb://REGION/TABLE, postgres://HOST/DATABASE or redis://HOST',
    'service',
  )
}

export function addLeaseOptions(command: Command): Command {
  return addApplicationOptions(command)
    .argument('[application]')
    .option('--shard <shard...>', 'only these; default: all')
    .option(
      '--stream <name>',
      'only the shards of this stream, by its name or ARN; default: of all. For a table of a KCL: whose its leases are',
    )
}

export async function withApplications(
  shell: Shell,
  options: ApplicationOptions,
  work: (session: ApplicationSession) => Promise<void>,
): Promise<void> {
  const address = parseStore(options.store)
  const signal = shell.interruption()
  await withSession(shell, options, async (client, reporter) => {
    const opened = await openApplications(address, { client, shell, options })
    try {
      if (opened.description !== undefined) await reporter.note(`  leases in ${opened.description}`)
      await work({ applications: opened.applications, client, reporter, signal })
    } finally {
      await opened.close()
    }
  })
}

/** A table in DynamoDB is one application: it need not be named twice. */
export function applicationNamed(name: string | undefined, { store }: Pick<ApplicationOptions, 'store'>): string {
  const address = parseStore(store)
  if (name === undefined && address.kind === 'dynamodb') return address.table
  if (name === undefined) throw usageError('which application?', 'name it first; millrace app list shows them')
  return name
}

/** Those that were asked for; it is an error to ask for one that is not there. */
export function chosenLeases(
  application: string,
  leases: readonly Lease[],
  options: ApplicationOptions,
): readonly Lease[] {
  const { stream } = options
  const ofStream = stream === undefined ? leases : leasesOf(stream, leases)
  if (stream !== undefined && ofStream.length === 0) throw noLease(application, `of stream ${stream}`)
  if (options.shard === undefined) return ofStream
  return options.shard.map(fullShardId).flatMap((shardId) => {
    const found = ofStream.filter((lease) => lease.shardId === shardId)
    if (found.length === 0) throw noLease(application, `of shard ${shardId}`)
    return found
  })
}

/** As `chosenLeases`; a name that two streams have, of several accounts, is not enough to change them. */
export function leasesToChange(
  application: string,
  leases: readonly Lease[],
  options: ApplicationOptions,
): readonly Lease[] {
  const chosen = chosenLeases(application, leases, options)
  const streams = [...new Set(chosen.map(({ stream }) => stream))]
  if (options.stream !== undefined && streams.length > 1)
    throw usageError(`which stream? ${options.stream} may be ${streams.join(' or ')}`, 'name it as it is called here')
  return chosen
}

/** Those that are called so: by a name, with its account before it or not, or by an ARN. Else those that may be meant. */
function leasesOf(named: string, leases: readonly Lease[]): readonly Lease[] {
  const { account, name } = parseStreamArn(named) ?? {}
  const called = name === undefined ? named : `${account}:${name}`
  const exact = leases.filter(({ stream }) => stream === called)
  if (exact.length > 0) return exact
  // A client's own stream is called without its account, and whose the client is nobody has asked.
  return leases.filter(({ stream }) => (name === undefined ? stream.endsWith(`:${named}`) : stream === name))
}

function noLease(application: string, what: string): CommandError {
  return new CommandError({
    ending: 'notFound',
    code: 'LeaseNotFound',
    message: `${application} has no lease ${what}`,
    hint: `see what there is with: millrace app describe ${application}`,
  })
}
