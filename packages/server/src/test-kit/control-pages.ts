/**
 * The test kit by HTTP, below `/_millrace/`, for tests in other languages: JSON in, JSON out. No signature is asked for,
 * so it is there only where none counts; names and web pages that are not granted are refused as everywhere.
 */
import type { HostPolicy } from '../http/host-policy.ts'
import type { Dispatch, WireRequest, WireResponse } from '../http/wire.ts'
import type { Fault } from './fault.ts'
import type { AddedFault } from './fault-list.ts'
import type { TestKit } from './test-kit.ts'
import { TestKitError } from './test-kit-error.ts'

export interface ControlPagesOptions {
  readonly kit: TestKit
  readonly hosts: HostPolicy
}

const PREFIX = '/_millrace/'

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Without the prefix; `*` is an id. */
  readonly path: 'clock' | 'faults' | 'faults/*' | 'reset'
  /** What is answered; undefined: there is no such thing. */
  readonly run: (kit: TestKit, body: unknown, id: string) => unknown
}

const routes: readonly Route[] = [
  { method: 'GET', path: 'clock', run: (kit) => clockOf(kit) },
  {
    method: 'POST',
    path: 'clock',
    run: async (kit, body) => {
      await kit.clock.advance(onlyMember(body, 'advance') as number | string)
      return clockOf(kit)
    },
  },
  { method: 'GET', path: 'faults', run: (kit) => faultsOf(kit) },
  // What is none is refused by the list.
  { method: 'POST', path: 'faults', run: ({ faults }, body) => described(faults.add(body as Fault)) },
  {
    method: 'DELETE',
    path: 'faults',
    run: (kit) => {
      kit.faults.clear()
      return faultsOf(kit)
    },
  },
  { method: 'DELETE', path: 'faults/*', run: (kit, _, id) => (kit.faults.remove(id) ? faultsOf(kit) : undefined) },
  {
    method: 'POST',
    path: 'reset',
    run: async (kit) => {
      await kit.reset()
      return clockOf(kit)
    },
  },
]

/** Undefined: the request is not for the kit. */
export function createControlPages({
  kit,
  hosts,
}: ControlPagesOptions): (request: WireRequest) => ReturnType<Dispatch> | undefined {
  return (request) => {
    const path = request.url.split('?', 1)[0] ?? ''
    if (!path.startsWith(PREFIX)) return undefined
    return answer(request, path.slice(PREFIX.length), kit, hosts)
  }
}

async function answer(request: WireRequest, path: string, kit: TestKit, hosts: HostPolicy): Promise<WireResponse> {
  const { headers, method, body, id } = request
  const origin = headers['origin']
  // A web page could send this without being granted anything: what it asks for is done, whether it sees the answer or not.
  if (
    !hosts.allowsHost(headers['host'] ?? headers[':authority']) ||
    (origin !== undefined && !hosts.grantsOrigin(origin))
  )
    return response(id, 403, {
      message: 'this Host or Origin may not use the test kit; see --allowed-hosts, --cors-origins',
    })
  const [first = '', item = ''] = path.split('/', 2)
  const pattern = item === '' ? first : `${first}/*`
  const onPath = routes.filter((route) => route.path === pattern)
  const route = onPath.find((one) => one.method === method)
  if (onPath.length === 0) return response(id, 404, { message: `expected ${PREFIX}clock, faults, faults/ID or reset` })
  if (route === undefined)
    return response(id, 405, { message: `expected ${onPath.map((one) => one.method).join(', ')}, found ${method}` })
  try {
    const value = await route.run(kit, parsed(body), item)
    if (value === undefined) return response(id, 404, { message: `there is no fault '${item.slice(0, 20)}'` })
    return response(id, 200, value)
  } catch (error) {
    if (!(error instanceof TestKitError)) throw error
    return response(id, 400, { message: error.message })
  }
}

function parsed(body: Uint8Array): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    throw new TestKitError('body: expected JSON')
  }
}

function onlyMember(body: unknown, name: string): unknown {
  const names = typeof body === 'object' && body !== null ? Object.keys(body) : []
  if (names.length === 1 && names[0] === name) return (body as Readonly<Record<string, unknown>>)[name]
  throw new TestKitError(`body: expected JSON like {"${name}": "24h"}, found ${names.slice(0, 5).join(', ') || 'none'}`)
}

function clockOf({ clock, seed }: TestKit): unknown {
  return { now: new Date(clock.now()).toISOString(), seed }
}

function faultsOf({ faults }: TestKit): unknown {
  return { faults: faults.list().map(described) }
}

function described({ id, hits, fault }: AddedFault): unknown {
  return { id, hits, ...fault }
}

function response(id: string, status: number, value: unknown): WireResponse {
  const headers = { 'x-amzn-RequestId': id, 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers, body: [Buffer.from(`${JSON.stringify(value)}\n`)] }
}
