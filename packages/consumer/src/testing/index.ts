/** For tests of applications and of this library: a fleet on a virtual clock, against a stream in memory. */
export type { FleetPlan } from './fleet-setup.ts'
export { SimulatedFleet } from './simulated-fleet.ts'
export { type ServiceTroubles, SimulatedStream } from './simulated-stream.ts'
