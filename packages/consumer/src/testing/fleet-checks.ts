/** What a simulated fleet is to come to when nothing troubles it any more: F7 and L10 of SPEC.md. */
import { isShardEnd } from '../extended-sequence-number.ts'
import type { Lease } from '../leases/lease.ts'
import type { FleetWorker } from './fleet-worker.ts'

/** Of leases that can be processed, those that have no living owner, and who is named. `workers`: that live. */
export function withoutOwner(leases: readonly Lease[], workers: readonly FleetWorker[]): readonly string[] {
  const alive = new Set(workers.map(({ name }) => name))
  const unfinished = leases.filter(({ checkpoint }) => !isShardEnd(checkpoint))
  const names = new Set(unfinished.map(({ stream, shardId }) => `${stream} ${shardId}`))
  return unfinished
    .filter(({ stream, parents }) => !parents.some((parent) => names.has(`${stream} ${parent}`)))
    .filter(({ owner }) => owner === undefined || !alive.has(owner))
    .map(({ key, owner }) => `${key} is ${owner ?? 'nobody'}’s`)
}

/** What is held by two, or by one that is full. */
export function heldTooMuch(workers: readonly FleetWorker[]): readonly string[] {
  const held = workers.flatMap(({ worker }) => worker.held)
  const twice = new Set(held).size < held.length ? ['F7 a lease is held twice'] : []
  const full = workers.filter(({ worker, leasesMax }) => worker.held.length > leasesMax)
  return [
    ...twice,
    ...full.map(({ name, worker, leasesMax }) => `L10 ${name} has ${worker.held.length} leases, of at most ${leasesMax}`),
  ] // prettier-ignore
}
