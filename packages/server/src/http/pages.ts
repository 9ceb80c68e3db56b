/**
 * What is served to people and to machines that watch: plain words at `/`, health, metrics. Everything else that is
 * not a POST is answered as the real service does.
 */
import { type Answer, textAnswer } from './answers.ts'

export interface Readiness {
  readonly ready: boolean
  /** Why not, or what a person should know, one line each. */
  readonly notes: readonly string[]
}

export interface PagesOptions {
  readonly readiness: () => Readiness
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

export type Pages = (path: string, headers: Readonly<Record<string, string>>) => Answer | Promise<Answer> | undefined

export function createPages({ readiness, metrics }: PagesOptions): Pages {
  return (path, headers) => {
    switch (path) {
      case '/':
        return wantsWords(headers) ? textAnswer(200, welcome(headers)) : undefined
      case '/_health/live':
        return jsonAnswer(200, { status: 'live' })
      case '/_health/ready': {
        const { ready, notes } = readiness()
        return jsonAnswer(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', notes })
      }
      case '/_metrics':
        return metrics().then(({ contentType, text }) => ({ status: 200, contentType, body: Buffer.from(text) }))
      default:
        return undefined
    }
  }
}

function jsonAnswer(status: number, value: unknown): Answer {
  const headers = { 'cache-control': 'no-store' }
  return { status, contentType: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`), headers }
}

/** A browser, or curl as it comes. SDKs and probes send neither. */
function wantsWords(headers: Readonly<Record<string, string>>): boolean {
  return (headers['accept'] ?? '').includes('text/html') || /^curl\//i.test(headers['user-agent'] ?? '')
}

function welcome(headers: Readonly<Record<string, string>>): string {
  // Printed back as plain text, and only if it looks like an address.
  const host = headers['host'] ?? headers[':authority'] ?? ''
  const endpoint = `http://${/^[\w.:[\]-]{1,100}$/.test(host) ? host : 'localhost:4567'}`
  return `This is Millrace, a durable streaming data service compatible with Amazon Kinesis Data Streams.
It is up. Point an AWS SDK or the AWS CLI at it:

  export AWS_ENDPOINT_URL_KINESIS=${endpoint}
  aws kinesis list-streams

  ${endpoint}/_health/ready   is it ready to store?
  ${endpoint}/_metrics        for Prometheus
`
}
