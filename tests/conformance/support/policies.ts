/** Resource policies. */
import { GetResourcePolicyCommand } from '@aws-sdk/client-kinesis'
import type { Service } from './service.ts'

/** A document that lets an account do one thing with one resource. */
export const policyOf = (account: string, Resource: string, Action = 'kinesis:GetRecords'): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: account }, Action: [Action], Resource }],
  })

export async function policyAt(service: Service, ResourceARN: string): Promise<string | undefined> {
  return (await service.sdk.send(new GetResourcePolicyCommand({ ResourceARN }))).Policy
}
