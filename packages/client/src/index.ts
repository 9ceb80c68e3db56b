/** The public face of the client. */
export { KinesisClient } from './client.ts'
export type { CallOptions, KinesisClientOptions } from './client-options.ts'
export type { Credentials, CredentialsProvider } from './credentials/credentials.ts'
export {
  CredentialsError,
  KinesisServiceError,
  KinesisTransportError,
  type Outcome,
  SettingsError,
  type TransportErrorCode,
} from './errors.ts'
export type { EventStreamEvent } from './event-stream.ts'
export type { OperationMethods } from './operation-methods.ts'
export type { RetryOptions } from './retry/retry-options.ts'
export { type ClientSettings, resolveClientSettings, type SettingsRequest } from './settings/client-settings.ts'
export type { Sourced } from './settings/endpoint.ts'
export type { Environment } from './settings/environment.ts'
export { openTransport, type HttpVersion, type TransportOptions } from './transport/open-transport.ts'
export type { ProxySettings } from './transport/proxy-settings.ts'
export type { ExchangeOptions, HttpAnswer, HttpRequest, Transport, TransportTimeouts } from './transport/transport.ts'
