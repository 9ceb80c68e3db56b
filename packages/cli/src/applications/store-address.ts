/** What `--store` names: where the leases of applications are kept. */
import { usageError } from '../exit-code.ts'

export type StoreAddress =
  | { readonly kind: 'service' }
  /** `endpoint` absent: AWS's of the region. */
  | { readonly kind: 'dynamodb'; readonly region: string; readonly table: string; readonly endpoint?: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly schema?: string }
  | { readonly kind: 'redis'; readonly url: string; readonly prefix?: string }

const FORMS =
  'stores: service, dynamodb://REGION/TABLE[?endpoint=URL], postgres://HOST/DATABASE[?schema=NAME], redis://HOST[:PORT][/PREFIX]'

export function parseStore(text: string): StoreAddress {
  if (text === 'service') return { kind: 'service' }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'dynamodb:') return dynamoAddress(url)
  if (url?.protocol === 'postgres:' || url?.protocol === 'postgresql:') return postgresAddress(url)
  if (url?.protocol === 'redis:' || url?.protocol === 'rediss:') return redisAddress(url)
  // Whatever it is, it may have a password.
  throw usageError(`"${text.replace(/:\/\/[^@]*@/, '://…@')}" is no store of leases`, FORMS)
}

function dynamoAddress({ hostname: region, pathname, searchParams }: URL): StoreAddress {
  const table = decodeURIComponent(pathname.slice(1))
  const endpoint = searchParams.get('endpoint') ?? undefined
  if (region === '') throw usageError('which region?', FORMS)
  if (table === '') throw usageError('which table? A KCL calls it as its application', FORMS)
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(table)) throw usageError(`"${table}" is no name of a table`, FORMS)
  if (endpoint !== undefined && !/^https?:\/\//.test(endpoint)) throw usageError(`"${endpoint}" is no endpoint`, FORMS)
  return { kind: 'dynamodb', region, table, ...(endpoint === undefined ? {} : { endpoint }) }
}

/** All but the schema is for the driver to read. */
function postgresAddress(url: URL): StoreAddress {
  const schema = url.searchParams.get('schema') ?? undefined
  url.searchParams.delete('schema')
  return { kind: 'postgres', url: url.href, ...(schema === undefined ? {} : { schema }) }
}

/** A number is a database, as in every URL of Redis, for the client to read; another name is what the names of keys begin with. */
function redisAddress(url: URL): StoreAddress {
  const [, database = '', name] = /^(?:\/(\d+)(?=\/|$))?(?:\/(.*))?$/.exec(url.pathname) ?? []
  url.pathname = database
  return { kind: 'redis', url: url.href, ...(name ? { prefix: decodeURIComponent(name) } : {}) }
}
