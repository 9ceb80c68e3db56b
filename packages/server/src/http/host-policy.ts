/**
 * Whom a browser may be sent by. Under `none` on loopback, any web page could otherwise read and write the streams of
 * the person who looks at it: by a name it lets point at 127.0.0.1 (refused by Host), or by a plain cross-origin
 * request (granted by CORS to loopback origins only).
 */

export interface HostPolicy {
  /** Value of `Host` or `:authority`. */
  readonly allowsHost: (host: string | undefined) => boolean
  /** Value of `Origin`. */
  readonly grantsOrigin: (origin: string) => boolean
}

export interface HostPolicyOptions {
  /** Names besides loopback ones; `*` is any, `.example.org` is all below. Undefined: hosts are not checked. */
  readonly allowedHosts: readonly string[] | undefined
  /** Origins besides loopback ones; `*` is any. */
  readonly corsOrigins: readonly string[]
}

export function createHostPolicy({ allowedHosts, corsOrigins }: HostPolicyOptions): HostPolicy {
  return {
    allowsHost(host) {
      // Browsers always send one.
      if (allowedHosts === undefined || host === undefined || host === '') return true
      const name = hostName(host)
      return name !== undefined && (isLoopback(name) || allowedHosts.some((allowed) => matches(allowed, name)))
    },
    grantsOrigin(origin) {
      if (corsOrigins.includes('*') || corsOrigins.includes(origin)) return true
      const name = originName(origin)
      return name !== undefined && isLoopback(name)
    },
  }
}

/** `localhost`, `*.localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)
  )
}

function matches(allowed: string, name: string): boolean {
  const pattern = allowed.toLowerCase()
  return pattern === '*' || pattern === name || (pattern.startsWith('.') && name.endsWith(pattern))
}

/** Without port and brackets, in lower case, without the final dot of a full name. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:/?#@\\[\]]+))(?::\d{1,5})?$/i.exec(host.trim())
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '')
}

function originName(origin: string): string | undefined {
  const match = /^https?:\/\/(.+)$/i.exec(origin)
  return match?.[1] === undefined ? undefined : hostName(match[1])
}
