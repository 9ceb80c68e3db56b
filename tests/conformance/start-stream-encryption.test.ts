import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
  StartStreamEncryptionCommand,
} from '@aws-sdk/client-kinesis'
import { type RunningServer, startServer } from '@millrace/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { bytes, createStream, textsOf } from './support/records.ts'
import { sdkClient } from './support/sdk-client.ts'
import { onEveryEngine, onOwnServer, refusal } from './support/service.ts'

const SERVICE_KEY = 'alias/aws/kinesis'
const SHARD = 'shardId-000000000000'
const start = (sdk: KinesisClient, StreamName: string, KeyId: string) =>
  sdk.send(new StartStreamEncryptionCommand({ StreamName, EncryptionType: 'KMS', KeyId }))
const put = (sdk: KinesisClient, StreamName: string, text: string) =>
  sdk.send(new PutRecordCommand({ StreamName, PartitionKey: 'key', Data: bytes(text) }))

describe('StartStreamEncryption', () => {
  onEveryEngine((service) => {
    it('encrypts what is put from now on, and says so in answers and descriptions', async () => {
      const { sdk } = service
      const StreamName = await createStream(sdk, service.streamName())
      expect(await put(sdk, StreamName, 'before')).not.toHaveProperty('EncryptionType')
      await start(sdk, StreamName, SERVICE_KEY)
      expect((await put(sdk, StreamName, 'while')).EncryptionType).toBe('KMS')
      const Records = ['one', 'two'].map((text) => ({ PartitionKey: text, Data: bytes(text) }))
      expect((await sdk.send(new PutRecordsCommand({ StreamName, Records }))).EncryptionType).toBe('KMS')
      expect(await textsOf(sdk, StreamName, SHARD)).toEqual(['before', 'while', 'one', 'two'])
      const { StreamDescription } = await sdk.send(new DescribeStreamCommand({ StreamName }))
      expect(StreamDescription).toMatchObject({ EncryptionType: 'KMS', KeyId: SERVICE_KEY })
      const { StreamDescriptionSummary } = await sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(StreamDescriptionSummary).toMatchObject({ EncryptionType: 'KMS', KeyId: SERVICE_KEY })
    })

    it('takes a key that is there, for a stream that is there', async () => {
      const name = await createStream(service.sdk, service.streamName())
      expect(await refusal(start(service.sdk, name, 'alias/nobody'))).toMatchObject({
        name: 'KMSNotFoundException',
        status: 400,
      })
      expect(await refusal(start(service.sdk, 'nobody', SERVICE_KEY))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})

onOwnServer('an encrypted stream on disk', () => {
  const KEY = '11111111-2222-4333-8444-555555555555'
  const material = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
  const keyText = (byte: number): string => `keys:\n  - id: "${KEY}"\n    material: "${material(byte)}"\n`
  const marker = 'nobody must find this'
  let folder = ''
  let server: RunningServer | undefined
  let sdk: KinesisClient | undefined

  const open = async (): Promise<KinesisClient> => {
    sdk?.destroy()
    await server?.close()
    const dataDir = join(folder, 'data')
    server = await startServer({ port: 0, dataDir, shardLimits: 'off', kmsKeyFile: join(folder, 'keys.yaml') })
    sdk = sdkClient(server.endpoint)
    return sdk
  }
  const everyByte = async (): Promise<string> => {
    const entries = await readdir(join(folder, 'data'), { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))).join()
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-encryption-'))
    await writeFile(join(folder, 'keys.yaml'), keyText(1))
  })
  afterAll(async () => {
    sdk?.destroy()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('holds no data in the clear, and opens after a restart with its key, and with no other', async () => {
    let client = await open()
    const name = await createStream(client, 'secrets')
    await put(client, name, 'in the clear')
    await start(client, name, `arn:aws:kms:us-east-1:000000000000:key/${KEY}`)
    const own = await createStream(client, 'own')
    await start(client, own, SERVICE_KEY)
    for (const stream of [name, own]) await put(client, stream, `${stream}: ${marker}`)
    client = await open()
    expect(await textsOf(client, name, SHARD)).toEqual(['in the clear', `secrets: ${marker}`])
    expect(await textsOf(client, own, SHARD)).toEqual([`own: ${marker}`])
    const found = await everyByte()
    expect([found.includes('in the clear'), found.includes(marker), found.includes(material(1))]).toEqual([
      true,
      false,
      false,
    ])

    await writeFile(join(folder, 'keys.yaml'), keyText(2))
    client = await open()
    const wrong = await refusal(textsOf(client, name, SHARD))
    expect(wrong).toMatchObject({ name: 'KMSInvalidStateException', status: 400 })
    expect(await refusal(put(client, name, 'x'))).toMatchObject({ name: 'KMSInvalidStateException' })
    await writeFile(join(folder, 'keys.yaml'), 'keys: []\n')
    await rm(join(folder, 'data', 'service-key.yaml'))
    client = await open()
    for (const stream of [name, own])
      expect(await refusal(textsOf(client, stream, SHARD))).toMatchObject({ name: 'KMSNotFoundException', status: 400 })

    await writeFile(join(folder, 'keys.yaml'), keyText(1))
    client = await open()
    expect(await textsOf(client, name, SHARD)).toEqual(['in the clear', `secrets: ${marker}`])
  })
})
