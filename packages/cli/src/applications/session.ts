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
  const ofStream = stream === undefined ? leases : leases.filter((lease) => isNamed(lease.stream, stream))
  if (stream !== undefined && ofStream.length === 0) throw noLease(application, `of stream ${stream}`)
  if (options.shard === undefined) return ofStream
  return options.shard.map(fullShardId).flatMap((shardId) => {
    const found = ofStream.filter((lease) => lease.shardId === shardId)
    if (found.length === 0) throw noLease(application, `of shard ${shardId}`)
    return found
  })
}

/** By its name, with its account before it or not, or by its ARN. */
function isNamed(stream: string, named: string): boolean {
  const { account, name } = parseStreamArn(named) ?? {}
  if (name !== undefined) return stream === name || stream === `${account}:${name}`
  return stream === named || stream.endsWith(`:${named}`)
}

function noLease(application: string, what: string): CommandError {
  return new CommandError({
    ending: 'notFound',
    code: 'LeaseNotFound',
    message: `${application} has no lease ${what}`,
    hint: `see what there is with: millrace app describe ${application}`,
  })
}
