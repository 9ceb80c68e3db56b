/** Requests as bytes, signed as an SDK signs them, prepared before the clock starts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signRequest } from '@millrace/protocol'

export const ACCESS_KEY = { accessKeyId: 'BENCHMARK', secretAccessKey: 'not-a-secret-but-long-enough-for-one' }

/** The options with which a server takes these requests and no others; `folder` gets the file of the key. */
export function signedIn(folder: string): readonly string[] {
  const credentials = join(folder, 'credentials.yaml')
  writeFileSync(
    credentials,
    `accessKeys:\n  - accessKeyId: ${ACCESS_KEY.accessKeyId}\n    secretAccessKey: ${ACCESS_KEY.secretAccessKey}\n`,
  )
  return ['--auth', 'keys', '--credentials', credentials]
}

/** One HTTP/1.1 request, ready to be written to a socket of `port`. */
export function signedRequest(port: number, operation: string, input: object): Uint8Array {
  const body = Buffer.from(JSON.stringify(input))
  const headers: Record<string, string> = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `Kinesis_20131202.${operation}`,
  }
  const signed = signRequest(
    { method: 'POST', url: '/', headers, body },
    { ...ACCESS_KEY, region: 'us-east-1', nowMs: Date.now() },
  )
  const lines = Object.entries({ ...headers, ...signed, 'content-length': String(body.length) })
  return Buffer.concat([
    Buffer.from(`POST / HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`),
    body,
  ])
}

/** Sends one signed request and returns the parsed answer; for setting the scene. */
export async function call(port: number, operation: string, input: object): Promise<Record<string, unknown>> {
  const body = JSON.stringify(input)
  const headers: Record<string, string> = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `Kinesis_20131202.${operation}`,
  }
  const signed = signRequest(
    { method: 'POST', url: '/', headers, body: Buffer.from(body) },
    { ...ACCESS_KEY, region: 'us-east-1', nowMs: Date.now() },
  )
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    body,
    headers: { ...headers, ...signed },
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${operation}: ${response.status} ${text}`)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}
