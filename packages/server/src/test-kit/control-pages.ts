/**
 * The test kit by HTTP, below `/_millrace/`, for tests in other languages: JSON in, JSON out. No signature is asked for,
 * so it is there only where none counts; names and web pages that are not granted are refused as everywhere.
 */
import { type Clock, sleep } from '@millrace/std'

import type { HostPolicy } from '../http/host-policy.ts'
import type { Dispatch, WireRequest, WireResponse } from '../http/wire.ts'
import type { Fault } from './fault.ts'
import type { AddedFault } from './fault-list.ts'
import type { TestKit } from './test-kit.ts'
import { TestKitError } from './test-kit-error.ts'

export interface ControlPagesOptions {
  readonly kit: TestKit
  readonly hosts: HostPolicy
  /** The machine's. */
  readonly clock: Clock
}

/** An answer that takes longer begins with a blank, and has another as often: the front door gives up what is silent for 20 s. */
const BLANK_EVERY_MS = 10_000

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

/** Undefined: the request is not for the kit. What a browser asks before it sends is answered as everywhere. */
export function createControlPages(
  options: ControlPagesOptions,
): (request: WireRequest) => ReturnType<Dispatch> | undefined {
  return (request) => {
    const path = pathOf(request.url)
    return path.startsWith(PREFIX) && request.method !== 'OPTIONS' ? respond(request, options) : undefined
  }
}

interface ControlAnswer {
  readonly status: number
  readonly value: unknown
}

async function respond(request: WireRequest, { kit, hosts, clock }: ControlPagesOptions): Promise<WireResponse> {
  const { origin } = request.headers
  // A page that is granted nothing would not see the answer, but what it asks for would be done.
  const isForeign = !hosts.allowsHost(request.headers['host'] ?? request.headers[':authority'])
  const isGranted = !isForeign && (origin === undefined || hosts.grantsOrigin(origin))
  const answered = isGranted ? answer(request, kit) : Promise.resolve(notGranted)
  const soon = await within(clock, answered)
  const headers = {
    'x-amzn-RequestId': request.id,
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(isGranted && origin !== undefined ? { 'access-control-allow-origin': '*' } : {}),
  }
  if (soon === undefined) return { status: 200, headers, body: slowly(clock, answered) }
  return { status: soon.status, headers, body: [bytesOf(soon)] }
}

/** Undefined: it takes longer than until the next blank. */
async function within(clock: Clock, answered: Promise<ControlAnswer>): Promise<ControlAnswer | undefined> {
  const done = new AbortController()
  const late = sleep(clock, BLANK_EVERY_MS, done.signal).catch(() => undefined)
  try {
    return (await Promise.race([answered, late])) ?? undefined
  } finally {
    done.abort()
  }
}

/** JSON may begin with blanks. What is refused now can be told by breaking off only. */
async function* slowly(clock: Clock, answered: Promise<ControlAnswer>): AsyncGenerator<readonly Uint8Array[]> {
  let done: ControlAnswer | undefined
  while (done === undefined) {
    yield [Buffer.from(' ')]
    done = await within(clock, answered)
  }
  if (done.status !== 200) throw new Error(`the test kit refused what it had begun: ${JSON.stringify(done.value)}`)
  yield [bytesOf(done)]
}

function bytesOf({ value }: ControlAnswer): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}

const notGranted = refused(403, 'this Host or Origin may not use the test kit; see --allowed-hosts and --cors-origins')

async function answer({ url, method, body }: WireRequest, kit: TestKit): Promise<ControlAnswer> {
  const [first = '', item = ''] = pathOf(url).slice(PREFIX.length).split('/', 2)
  const onPath = routes.filter((route) => route.path === (item === '' ? first : `${first}/*`))
  const route = onPath.find((one) => one.method === method)
  if (onPath.length === 0) return refused(404, `expected ${PREFIX}clock, faults, faults/ID or reset`)
  if (route === undefined)
    return refused(405, `expected ${onPath.map((one) => one.method).join(', ')}, found ${method.slice(0, 20)}`)
  try {
    const value = await route.run(kit, parsed(body), item)
    return value === undefined ? refused(404, `there is no fault '${item.slice(0, 20)}'`) : { status: 200, value }
  } catch (error) {
    if (!(error instanceof TestKitError)) throw error
    return refused(400, error.message)
  }
}

function refused(status: number, message: string): ControlAnswer {
  return { status, value: { message } }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
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
