/** Applications whose leases the service keeps, for whoever looks after them. */
import {
  CreateLeases,
  DeleteApplication,
  DescribeApplication,
  type DescribeApplicationInput,
  ListApplications,
  UpdateLeases,
} from '@millrace/protocol'
import type { ApplicationSummary, ApplicationView, LeaseAdministration } from './lease-administration.ts'
import type { Lease, NewLease } from './lease.ts'
import { LEASES_PER_CALL_MAX, type LeaseUpdate, type LeaseUpdateResult, type LiveWorker } from './lease-store.ts'
import { asked, type LeaseService } from './lease-service.ts'
import { fromServiceLease, fromServiceWorker, toServiceChange, toServiceLease } from './service-lease.ts'

export class ServiceApplications implements LeaseAdministration {
  readonly #client: LeaseService

  /** The client is not closed with this. */
  constructor(client: LeaseService) {
    this.#client = client
  }

  async list(signal: AbortSignal): Promise<readonly ApplicationSummary[]> {
    const found: ApplicationSummary[] = []
    for (let after: string | undefined; ;) {
      const page = await asked(this.#client, ListApplications, { ExclusiveStartApplicationName: after }, { signal })
      found.push(
        ...page.Applications.map((each) => ({
          name: each.ApplicationName,
          createdAtMs: each.CreationTimestamp,
          leases: each.LeaseCount,
          workers: each.WorkerCount,
        })),
      )
      if (!page.HasMoreApplications) return found
      after = found.at(-1)?.name
    }
  }

  async leases(application: string, signal: AbortSignal): Promise<readonly Lease[]> {
    return (await this.describe(application, signal)).leases
  }

  async describe(application: string, signal: AbortSignal): Promise<ApplicationView> {
    const leases: ApplicationView['leases'][number][] = []
    let workers: readonly LiveWorker[]
    for (let after: string | undefined; ;) {
      const input: DescribeApplicationInput = { ApplicationName: application, ExclusiveStartLeaseKey: after }
      const page = await asked(this.#client, DescribeApplication, input, { signal })
      leases.push(...page.Leases.map(fromServiceLease))
      workers = page.Workers.map(fromServiceWorker)
      if (!page.HasMoreLeases) return { leases, workers }
      after = leases.at(-1)?.key
    }
  }

  async create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < leases.length; at += LEASES_PER_CALL_MAX) {
      const Leases = leases.slice(at, at + LEASES_PER_CALL_MAX).map(toServiceLease)
      await asked(this.#client, CreateLeases, { ApplicationName: application, Leases }, { signal })
    }
  }

  async update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]> {
    const results: LeaseUpdateResult[] = []
    for (let at = 0; at < updates.length; at += LEASES_PER_CALL_MAX)
      results.push(
        ...(await updateLeases(this.#client, application, updates.slice(at, at + LEASES_PER_CALL_MAX), { signal })),
      )
    return results
  }

  async delete(application: string, { force }: { readonly force: boolean }, signal: AbortSignal): Promise<void> {
    await asked(this.#client, DeleteApplication, { ApplicationName: application, Force: force }, { signal })
  }
}

/** One call. */
export async function updateLeases(
  client: LeaseService,
  application: string,
  updates: readonly LeaseUpdate[],
  options: { readonly signal: AbortSignal },
): Promise<readonly LeaseUpdateResult[]> {
  const Updates = updates.map(({ key, epoch, change }) => ({
    LeaseKey: key,
    Epoch: epoch,
    Change: toServiceChange(change),
  }))
  const { Results } = await asked(client, UpdateLeases, { ApplicationName: application, Updates }, options)
  return Results.map(({ Outcome, Lease }): LeaseUpdateResult => {
    if (Outcome === 'GONE' || Lease === undefined) return { outcome: 'gone' }
    return { outcome: Outcome === 'UPDATED' ? 'updated' : 'conflict', lease: fromServiceLease(Lease) }
  })
}
