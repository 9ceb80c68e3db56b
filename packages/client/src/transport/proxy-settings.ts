/** An HTTP proxy to tunnel through with CONNECT, and the hosts that are reached without it. */
export interface ProxySettings {
  /** `http://[user:password@]proxy:3128`, or `https://` for TLS to the proxy itself. */
  readonly url: string | URL
  /** As `NO_PROXY`: comma-separated names, `.suffixes`, `host:port`, addresses, or `*`. Default: none. */
  readonly except?: string
}

/** The proxy to take to `target`, or `undefined` where `except` names it. */
export function proxyFor(target: URL, proxy: ProxySettings | undefined): URL | undefined {
  if (proxy === undefined || isExcepted(target, proxy.except ?? '')) return undefined
  return new URL(proxy.url)
}

/** curl's reading of `NO_PROXY`: a name stands for itself and everything below it; a leading dot changes nothing. */
function isExcepted(target: URL, except: string): boolean {
  const host = bareHost(target)
  const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port
  return except.split(/[\s,]+/).some((entry) => {
    if (entry === '') return false
    if (entry === '*') return true
    const [, entryHost = '', entryPort] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry) ?? ['', entry]
    if (entryPort !== undefined && entryPort !== port) return false
    const name = entryHost.toLowerCase().replace(/^\*?\./, '')
    return host === name || host.endsWith(`.${name}`)
  })
}

/** The host of a URL as sockets want it: an IPv6 address without its brackets. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
}
