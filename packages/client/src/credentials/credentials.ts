/** Keys to sign with, and whoever hands them out. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Present for temporary keys; sent as `x-amz-security-token`. */
  readonly sessionToken?: string
  /** Milliseconds since the epoch; absent for keys that do not expire. */
  readonly expiresAtMs?: number
  /** Where they came from, for people: `environment`, `profile dev (~/.aws/credentials)`. Never part of the keys. */
  readonly source?: string
}

/** Rejects with a `CredentialsError`. Called again when what it gave last expires; callers cache, it need not. */
export type CredentialsProvider = (options: { readonly signal?: AbortSignal }) => Promise<Credentials>
