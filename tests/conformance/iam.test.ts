/** `--auth iam` through the official SDK: policies of principals and of resources, two accounts, roles. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis'
import { AssumeRoleCommand, type Credentials, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { type RunningServer, startServer } from '@millrace/server'
import { startTestServer } from '@millrace/server/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { onOwnServer, refusal } from './support/service.ts'

const region = 'us-east-1'
const OWNER = '111122223333'
const OTHER = '444455556666'
const orders = `arn:aws:kinesis:${region}:${OWNER}:stream/orders`
const roleArn = `arn:aws:iam::${OWNER}:role/reader`

const file = `
accessKeys:
  - { accessKeyId: ADMIN, secretAccessKey: s1, account: "${OWNER}", user: admin, policies: [everything] }
  - { accessKeyId: NOTHING, secretAccessKey: s2, account: "${OWNER}", user: nobody }
  - accessKeyId: WRITER
    secretAccessKey: s3
    account: "${OWNER}"
    user: writer
    policies:
      - Version: "2012-10-17"
        Statement:
          - { Effect: Allow, Action: "kinesis:*", Resource: "arn:aws:kinesis:*:*:stream/\${aws:username}-*" }
          - { Effect: Deny, Action: "kinesis:DeleteStream", Resource: "*" }
          - Effect: Deny
            Action: kinesis:CreateStream
            Resource: "*"
            Condition: { StringNotEquals: { "aws:RequestTag/team": river } }
  - { accessKeyId: PARTNER, secretAccessKey: s4, account: "${OTHER}", user: partner, policies: [everything] }
  - { accessKeyId: IDLE, secretAccessKey: s5, account: "${OTHER}", user: idle }
roles:
  - name: reader
    account: "${OWNER}"
    trust:
      Statement:
        Effect: Allow
        Principal: { AWS: "arn:aws:iam::${OTHER}:user/partner" }
        Action: sts:AssumeRole
        Condition: { StringEquals: { "sts:ExternalId": sesame } }
    policies:
      - Statement: { Effect: Allow, Action: ["kinesis:Get*", "kinesis:List*"], Resource: "*" }
policies:
  everything:
    Version: "2012-10-17"
    Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
`

type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }

const secrets: Readonly<Record<string, string>> = {
  ADMIN: 's1',
  NOTHING: 's2',
  WRITER: 's3',
  PARTNER: 's4',
  IDLE: 's5',
}
const keysOf = (accessKeyId: string): Keys => ({ accessKeyId, secretAccessKey: secrets[accessKeyId] ?? '' })
const sessionOf = (credentials: Credentials | undefined): Keys => ({
  accessKeyId: credentials?.AccessKeyId ?? '',
  secretAccessKey: credentials?.SecretAccessKey ?? '',
  sessionToken: credentials?.SessionToken ?? '',
})

onOwnServer('--auth iam', () => {
  let folder: string
  let server: RunningServer
  const clients: { destroy(): void }[] = []

  const kinesis = (credentials: Keys | string): KinesisClient => {
    const keys = typeof credentials === 'string' ? keysOf(credentials) : credentials
    const client = new KinesisClient({ endpoint: server.endpoint, region, credentials: keys, maxAttempts: 1 })
    clients.push(client)
    return client
  }
  const sts = (credentials: Keys | string): STSClient => {
    const keys = typeof credentials === 'string' ? keysOf(credentials) : credentials
    const client = new STSClient({ endpoint: server.endpoint, region, credentials: keys, maxAttempts: 1 })
    clients.push(client)
    return client
  }
  const record = { Data: Buffer.from('x'), PartitionKey: 'k' }
  const assume = new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'morning', ExternalId: 'sesame' })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-iam-'))
    const credentials = join(folder, 'credentials.yaml')
    await writeFile(credentials, file)
    const auditLog = join(folder, 'audit.jsonl')
    server = await startServer({ port: 0, dataDir: ':memory:', shardLimits: 'off', auth: 'iam', credentials, auditLog })
    await kinesis('ADMIN').send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 1, Tags: { team: 'sea' } }))
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('refuses what no policy allows, and says what was missing', async () => {
    const put = new PutRecordCommand({ StreamName: 'orders', ...record })
    expect(await refusal(kinesis('NOTHING').send(put))).toEqual({
      name: 'AccessDeniedException',
      status: 400,
      message:
        `User: arn:aws:iam::${OWNER}:user/nobody is not authorized to perform: kinesis:PutRecord on resource: ` +
        `${orders} because no identity-based policy allows the kinesis:PutRecord action`,
    })
    const { message } = await refusal(kinesis('NOTHING').send(new ListStreamsCommand({})))
    expect(message).toContain('kinesis:ListStreams on resource: * because')
  })

  it('allows by variables and conditions, and a denial wins', async () => {
    const writer = kinesis('WRITER')
    const create = (StreamName: string, Tags: Record<string, string>) =>
      writer.send(new CreateStreamCommand({ StreamName, ShardCount: 1, Tags }))
    expect((await refusal(create('writer-a', { team: 'sea' }))).message).toMatch(
      /with an explicit deny in an identity-based policy$/,
    )
    await create('writer-a', { team: 'river' })
    await writer.send(new PutRecordCommand({ StreamName: 'writer-a', ...record }))
    expect((await refusal(create('other-a', { team: 'river' }))).message).toMatch(/no identity-based policy allows/)
  })

  it('is not taken in by an ARN of another partition', async () => {
    const StreamARN = orders.replace('arn:aws:', 'arn:aws-cn:')
    const { message } = await refusal(kinesis('WRITER').send(new ListShardsCommand({ StreamARN })))
    expect(message).toContain(`on resource: ${orders} because`)
  })

  it('shares a stream with another account by its ARN, when both allow it', async () => {
    const partner = kinesis('PARTNER')
    const put = new PutRecordCommand({ StreamARN: orders, ...record })
    expect((await refusal(partner.send(put))).message).toBe(
      `User: arn:aws:iam::${OTHER}:user/partner is not authorized to perform: kinesis:PutRecord on resource: ` +
        `${orders} because no resource-based policy allows the kinesis:PutRecord action`,
    )
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: OTHER },
          Action: ['kinesis:PutRecord', 'kinesis:GetShardIterator', 'kinesis:GetRecords'],
          Resource: orders,
        },
        { Effect: 'Deny', Principal: '*', Action: 'kinesis:DescribeStreamSummary', Resource: orders },
      ],
    })
    await kinesis('ADMIN').send(new PutResourcePolicyCommand({ ResourceARN: orders, Policy }))
    const { SequenceNumber } = await partner.send(put)
    expect((await refusal(kinesis('IDLE').send(put))).message).toMatch(/because no identity-based policy allows/)
    const at = { StreamARN: orders, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' as const }
    const { ShardIterator } = await partner.send(new GetShardIteratorCommand(at))
    const read = await partner.send(new GetRecordsCommand({ ShardIterator }))
    expect(read.Records?.map((one) => one.SequenceNumber)).toEqual([SequenceNumber])
    // What the iterator names is what counts.
    expect((await refusal(kinesis('WRITER').send(new GetRecordsCommand({ ShardIterator })))).message).toContain(orders)
    expect((await refusal(partner.send(new ListShardsCommand({ StreamARN: orders })))).message).toContain('ListShards')
    const summary = new DescribeStreamSummaryCommand({ StreamARN: orders })
    expect((await refusal(kinesis('ADMIN').send(summary))).message).toMatch(
      /with an explicit deny in a resource-based policy$/,
    )
  })

  it('shares a consumer by a policy of its own', async () => {
    const admin = kinesis('ADMIN')
    const { Consumer } = await admin.send(
      new RegisterStreamConsumerCommand({ StreamARN: orders, ConsumerName: 'shared' }),
    )
    const ConsumerARN = Consumer?.ConsumerARN ?? ''
    const subscribe = new SubscribeToShardCommand({
      ConsumerARN,
      ShardId: 'shardId-000000000000',
      StartingPosition: { Type: 'TRIM_HORIZON' },
    })
    const partner = kinesis('PARTNER')
    expect((await refusal(partner.send(subscribe))).message).toContain(`on resource: ${ConsumerARN} because`)
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${OTHER}:user/partner` },
        Action: ['kinesis:SubscribeToShard', 'kinesis:DescribeStreamConsumer'],
        Resource: ConsumerARN,
      },
    })
    await admin.send(new PutResourcePolicyCommand({ ResourceARN: ConsumerARN, Policy }))
    const described = await partner.send(
      new DescribeStreamConsumerCommand({ StreamARN: orders, ConsumerName: 'shared' }),
    )
    expect(described.ConsumerDescription?.ConsumerARN).toBe(ConsumerARN)
    const { EventStream = [] } = await partner.send(subscribe)
    for await (const event of EventStream) {
      expect(event.SubscribeToShardEvent?.Records).toHaveLength(1)
      break
    }
  })

  it('tells who one is', async () => {
    const identity = await sts('WRITER').send(new GetCallerIdentityCommand({}))
    expect(identity).toMatchObject({ Account: OWNER, Arn: `arn:aws:iam::${OWNER}:user/writer` })
    expect(identity.UserId).toMatch(/^AIDA[A-Z2-7]{17}$/)
    const stranger = { accessKeyId: 'WRITER', secretAccessKey: 'guess' }
    expect(await refusal(sts(stranger).send(new GetCallerIdentityCommand({})))).toMatchObject({
      name: 'SignatureDoesNotMatch',
      status: 403,
    })
  })

  it('gives who is trusted the role for a while', async () => {
    const { Credentials, AssumedRoleUser } = await sts('PARTNER').send(assume)
    const session = sessionOf(Credentials)
    expect(AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${OWNER}:assumed-role/reader/morning`)
    expect(Math.abs((Credentials?.Expiration?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000)
    expect((await sts(session).send(new GetCallerIdentityCommand({}))).Arn).toBe(AssumedRoleUser?.Arn)
    expect((await kinesis(session).send(new ListStreamsCommand({}))).StreamNames).toContain('orders')
    const put = new PutRecordCommand({ StreamName: 'orders', ...record })
    expect((await refusal(kinesis(session).send(put))).message).toContain(`User: ${AssumedRoleUser?.Arn} is not`)
    const torn = { ...session, sessionToken: session.sessionToken?.replace(/.$/, '') ?? '' }
    expect(await refusal(kinesis(torn).send(put))).toMatchObject({ name: 'UnrecognizedClientException' })
    const withoutToken = { accessKeyId: session.accessKeyId, secretAccessKey: session.secretAccessKey }
    expect(await refusal(kinesis(withoutToken).send(put))).toMatchObject({ name: 'UnrecognizedClientException' })
  })

  it('gives the role to nobody else, nor for longer than it may', async () => {
    const denied = { name: 'AccessDenied', status: 403 }
    const without = new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'morning' })
    expect(await refusal(sts('PARTNER').send(without))).toMatchObject(denied)
    // Neither what its own policies say nor whose role it is makes up for the trust.
    expect(await refusal(sts('ADMIN').send(assume))).toMatchObject({
      ...denied,
      message: `User: arn:aws:iam::${OWNER}:user/admin is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`,
    })
    const longer = new AssumeRoleCommand({ ...assume.input, DurationSeconds: 3_601 })
    expect(await refusal(sts('PARTNER').send(longer))).toMatchObject({ name: 'ValidationError', status: 400 })
    const narrowed = new AssumeRoleCommand({ ...assume.input, Policy: '{}' })
    expect((await refusal(sts('PARTNER').send(narrowed))).message).toContain('Policy is not supported')
  })

  it('comes after a fault of the test kit: who may nothing is throttled, too', async () => {
    await using kit = await startTestServer({
      auth: 'iam',
      credentials: join(folder, 'credentials.yaml'),
      account: OWNER,
      createStreams: [{ name: 'orders', shards: 1 }],
      faults: [{ operation: 'PutRecord', kind: 'throttle', times: 1 }],
    })
    const client = new KinesisClient({ endpoint: kit.endpoint, region, credentials: keysOf('NOTHING'), maxAttempts: 1 })
    clients.push(client)
    const put = new PutRecordCommand({ StreamName: 'orders', ...record })
    expect((await refusal(client.send(put))).name).toBe('ProvisionedThroughputExceededException')
    expect((await refusal(client.send(put))).name).toBe('AccessDeniedException')
  })

  it('keeps an audit of what was refused and of what was changed, without secrets', async () => {
    const requestId = async (call: Promise<unknown>): Promise<string> => {
      try {
        return ((await call) as { $metadata: { requestId?: string } }).$metadata.requestId ?? ''
      } catch (error) {
        return (error as { $metadata: { requestId?: string } }).$metadata.requestId ?? ''
      }
    }
    const put = new PutRecordCommand({ StreamARN: orders, ...record })
    const told = await requestId(kinesis('IDLE').send(put))
    const untold = await requestId(kinesis('PARTNER').send(put))
    const role = await requestId(sts('PARTNER').send(assume))
    await server.close()
    const text = await readFile(join(folder, 'audit.jsonl'), 'utf8')
    const lines = new Map(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>)
        .map((line) => [line['requestId'], line]),
    )
    expect(lines.get(told)).toMatchObject({
      service: 'kinesis',
      operation: 'PutRecord',
      decision: 'denied',
      account: OTHER,
      principal: `arn:aws:iam::${OTHER}:user/idle`,
      accessKeyId: 'IDLE',
      address: expect.stringMatching(/^127\.0\.0\.1$|^::1$/) as unknown,
      resource: orders,
      error: 'AccessDeniedException',
    })
    expect(lines.has(untold)).toBe(false)
    expect(lines.get(role)).toMatchObject({
      service: 'sts',
      operation: 'AssumeRole',
      decision: 'allowed',
      resource: roleArn,
    })
    for (const secret of [...Object.values(secrets).map((one) => `"${one}"`), 'sesame', 'Signature=', 'AAAAAAAAAA'])
      expect(text).not.toContain(secret)
  })
})
