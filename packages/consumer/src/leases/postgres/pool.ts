/** What the store needs of PostgreSQL: a `Pool` of `pg` has it. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Row[] }>
  connect(): Promise<PostgresConnection>
}

export interface PostgresConnection {
  query(text: string): Promise<unknown>
  on(event: 'notification', listener: (message: { readonly payload?: string | undefined }) => void): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  /** With `true` the connection is closed instead of given back. */
  release(destroy?: boolean): void
}

// What a row holds is for its reader to say.
// oxlint-disable-next-line typescript/no-explicit-any
export type Row = Record<string, any>
