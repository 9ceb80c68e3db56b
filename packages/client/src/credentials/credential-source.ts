/**
 * One link of the chain. It gives credentials, or `undefined` when nothing points to it, or rejects with a
 * `CredentialsError` when something does and does not work: then the chain stops, since going on would sign with
 * keys that nobody meant.
 */
import type { Clock, Logger, Random } from '@millrace/std'
import type { Environment } from '../settings/environment.ts'
import type { Profiles } from '../settings/profiles.ts'
import type { Transport } from '../transport/transport.ts'
import type { Credentials } from './credentials.ts'

export interface SourceContext {
  readonly env: Environment
  readonly profiles: Profiles
  readonly profile: { readonly name: string; readonly explicit: boolean }
  readonly region: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** For services of AWS: through the proxy, trusting the CA bundle. */
  readonly transport: Transport
  /** For addresses of this machine's own host: straight, and given up quickly. */
  readonly nearTransport: Transport
}

export type CredentialSource = (context: SourceContext) => Promise<Credentials | undefined>
