/** Refusals that many operations share, in the words of the service. */
import type { Service } from './service.ts'

export const streamNotFound = ({ account }: Service, name: string): object => ({
  name: 'ResourceNotFoundException',
  message: `Stream ${name} under account ${account} not found.`,
  status: 400,
})
