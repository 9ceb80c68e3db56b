/** BeatSession: a worker lives, and is told what changed. */
import { BeatSession, WORKERS_PER_APPLICATION_MAX } from '@millrace/protocol'

import { handle } from '../../operations/operation.ts'
import { tooMany } from '../faults.ts'
import { CAPACITY_MILLI_DEFAULT } from '../sessions.ts'

/** The session counts from the moment the beat arrived: however long the answer waits. */
export const beatSession = handle(BeatSession, async (input, { applications, clock }, context) => {
  const { account, region, deadlineMs, signal } = context
  const { ApplicationName: name, Worker: worker, TtlMs: ttlMs, WaitMs = 0, Cursor } = input
  const key = { account, region, name }
  const arrivedMs = clock.monotonic()
  const application = await applications.ensure(key, ttlMs, context)
  const { sessions, table } = application
  if (!sessions.has(worker) && sessions.size >= WORKERS_PER_APPLICATION_MAX)
    throw tooMany('live workers', key, WORKERS_PER_APPLICATION_MAX)
  application.renew({ worker, ttlMs, capacityMilli: input.CapacityMilli ?? CAPACITY_MILLI_DEFAULT })
  // A worker that is silent because it waits must not be taken for dead.
  const untilMs = Math.min(arrivedMs + Math.min(WaitMs, ttlMs / 2), deadlineMs)
  while (!table.hasNews(Cursor) && !applications.isStopping) {
    const leftMs = untilMs - clock.monotonic()
    if (leftMs <= 0 || (await application.wait(worker, leftMs, signal)) !== 'news') break
  }
  const { cursor, isComplete, hasMore, leases, removed, workersChanged } = table.newsSince(Cursor)
  return {
    Cursor: cursor,
    IsComplete: isComplete,
    HasMore: hasMore,
    Leases: leases,
    Removed: removed,
    ...(workersChanged ? { Workers: describeWorkers(sessions.workers) } : {}),
  }
})

/** By name. */
export function describeWorkers(workers: readonly { readonly worker: string; readonly capacityMilli: number }[]) {
  return workers
    .map(({ worker, capacityMilli }) => ({ Worker: worker, CapacityMilli: capacityMilli }))
    .sort((a, b) => (a.Worker < b.Worker ? -1 : 1))
}
