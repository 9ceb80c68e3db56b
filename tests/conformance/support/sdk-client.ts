/** The official SDK, pointed at a service under test. */
import { Agent } from 'node:https'
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export const REGION = 'us-east-1'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

/** How a client speaks where it does not speak as it comes; TLS with a certificate that nobody vouches for. */
export type Transport = 'http/1.1' | 'tls'

/**
 * The SDK as it comes: HTTP/2 with prior knowledge unless said otherwise; no retries. Of the account 000000000000, or of
 * that which the access key is.
 */
export function sdkClient(
  endpoint: string,
  credentials: Keys | string = 'test',
  transport?: Transport,
  region = REGION,
): KinesisClient {
  const httpsAgent = new Agent({ rejectUnauthorized: false })
  return new KinesisClient({
    endpoint: transport === 'tls' ? endpoint.replace('http:', 'https:') : endpoint,
    region,
    credentials:
      typeof credentials === 'string' ? { accessKeyId: credentials, secretAccessKey: 'test' } : { ...credentials },
    maxAttempts: 1,
    ...(transport === undefined
      ? {}
      : { requestHandler: new NodeHttpHandler(transport === 'tls' ? { httpsAgent } : {}) }),
  })
}

export const streamArn = (name: string, account = '000000000000', region = REGION): string =>
  `arn:aws:kinesis:${region}:${account}:stream/${name}`
