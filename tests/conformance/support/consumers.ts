/** Registering consumers of a stream. */
import { type Consumer, RegisterStreamConsumerCommand } from '@aws-sdk/client-kinesis'
import { createStream } from './records.ts'
import type { Service } from './service.ts'

/** Makes a stream; returns its ARN, by which these operations ask for it. */
export async function newStream(service: Service): Promise<string> {
  return service.streamArn(await createStream(service.sdk, service.streamName()))
}

export async function register(
  service: Service,
  StreamARN: string,
  ConsumerName: string,
  Tags?: Record<string, string>,
): Promise<Consumer> {
  const command = new RegisterStreamConsumerCommand({ StreamARN, ConsumerName, ...(Tags && { Tags }) })
  const { Consumer } = await service.sdk.send(command)
  if (Consumer === undefined) throw new Error(`expected a description of ${ConsumerName}`)
  return Consumer
}
