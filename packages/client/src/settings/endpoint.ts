/**
 * Which endpoint the surroundings name for a service, in the order that AWS's tools share: the environment's for the
 * service, the environment's for all, the profile's services section, the profile's for all.
 */
import { type Environment, isTrue, readVariable } from './environment.ts'
import type { Profile, Profiles } from './profiles.ts'

/** A value, and in words where it was found. */
export interface Sourced<T> {
  readonly value: T
  readonly source: string
}

export function configuredEndpoint(
  service: 'kinesis' | 'sts',
  env: Environment,
  profile: Profile | undefined,
  profiles: Profiles,
): Sourced<string> | undefined {
  const ignored =
    readVariable(env, 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS')?.value ??
    profile?.values.get('ignore_configured_endpoint_urls')
  if (isTrue(ignored)) return undefined
  const variable = readVariable(env, `AWS_ENDPOINT_URL_${service.toUpperCase()}`, 'AWS_ENDPOINT_URL')
  if (variable !== undefined) return { value: variable.value, source: variable.name }
  if (profile === undefined) return undefined
  const ofService = profiles.service(profile, `${service}.endpoint_url`)
  if (ofService !== undefined)
    return { value: ofService, source: `profile ${profile.name}, services ${profile.values.get('services')}` }
  const ofProfile = profile.values.get('endpoint_url')
  return ofProfile === undefined || ofProfile === ''
    ? undefined
    : { value: ofProfile, source: `profile ${profile.name}, endpoint_url` }
}
