/** The official SDK, pointed at a service under test. */
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export const REGION = 'us-east-1'

/**
 * The SDK as it comes: HTTP/2 with prior knowledge unless said otherwise; no retries. Of the account 000000000000, or of
 * that which the access key is.
 */
export function sdkClient(endpoint: string, accessKeyId = 'test', http?: 'http/1.1'): KinesisClient {
  return new KinesisClient({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey: 'test' },
    maxAttempts: 1,
    ...(http === undefined ? {} : { requestHandler: new NodeHttpHandler() }),
  })
}
