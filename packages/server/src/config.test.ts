import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { readConfig } from './config.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-config-'))
})
afterAll(() => rm(directory, { recursive: true }))

type Texts = Readonly<Record<string, string | undefined>>
const read = (flags: Texts, environment: Texts = {}) => readConfig({ flags, environment, directory })

async function fileOf(text: string): Promise<string> {
  const path = join(directory, 'test.yaml')
  await writeFile(path, text)
  return path
}

describe('readConfig', () => {
  it('leaves out what nobody said', async () => {
    const config = { server: {}, logFormat: undefined, logLevel: 'info', file: undefined, aliases: [], warnings: [] }
    expect(await read({})).toEqual(config)
  })

  it('a flag beats the environment beats the file', async () => {
    const config = await fileOf('port: 1\nhost: a\ndata-dir: x\n')
    const { server } = await read({ config, port: '3' }, { MILLRACE_PORT: '2', MILLRACE_HOST: 'b' })
    expect(server).toEqual({ port: 3, host: 'b', dataDir: 'x' })
  })

  it('warns of a variable that looks like an option and is none', async () => {
    const { warnings } = await read(
      {},
      { MILLRACE_PROT: '2', MILLRACE_ANYTHING_ELSE: '1', MILLRACE_PORT: '3', PATH: 'x' },
    )
    expect(warnings).toEqual([
      'MILLRACE_PROT is set, and no option has that name: did you mean MILLRACE_PORT?',
      'MILLRACE_ANYTHING_ELSE is set, and no option has that name',
    ])
  })

  it('a test kit is in memory unless somebody says otherwise', async () => {
    expect((await read({ 'test-kit': 'on' })).server).toEqual({ testKit: { http: true }, dataDir: ':memory:' })
    expect((await read({ 'test-kit': 'off' })).server).toEqual({})
    expect((await read({ 'test-kit': 'on', 'data-dir': 'x' })).server.dataDir).toBe('x')
  })

  it('finds millrace.yaml by itself', async () => {
    const path = join(directory, 'millrace.yaml')
    await writeFile(path, '# nothing but the port\nport: 4000\n')
    expect(await read({})).toMatchObject({ server: { port: 4000 }, file: path })
    await rm(path)
  })

  it('reads lists and maps of the file as flags have them', async () => {
    const config = await fileOf(
      'create-streams: [orders:4, clicks]\nshard-limits:\n  write-bytes: 2MiB\n  reads: 10\nallowed-hosts:\n  - a.example\n',
    )
    expect((await read({ config })).server).toEqual({
      createStreams: [
        { name: 'orders', shards: 4 },
        { name: 'clicks', shards: 1 },
      ],
      shardLimits: { writeBytes: 2 * 1024 * 1024, reads: 10 },
      allowedHosts: ['a.example'],
    })
  })

  it.each(['create-streams: {a: 1, b: 2}\n', 'create-streams:\n  - a: 1\n  - b: 2\n'])(
    'reads the streams to make in any way YAML has for pairs: %j',
    async (text) => {
      expect((await read({ config: await fileOf(text) })).server.createStreams).toEqual([
        { name: 'a', shards: 1 },
        { name: 'b', shards: 2 },
      ])
    },
  )

  it('takes every option', async () => {
    const { server, logFormat, logLevel } = await read(
      {
        'disk-max': '20GB',
        'disk-reserve': '1 GiB',
        'tls-cert': 'c',
        'tls-key': 'k',
        auth: 'keys',
        credentials: 'f',
        engine: 'embedded',
        'api-limits': 'aws',
        quota:
          'shards=7,on-demand-streams=3,on-demand-shards=9,scalings=off,mode-changes=4,encryption-changes=off,consumers=100',
        durability: 'os',
        'status-delay-ms': '500',
        'cors-origins': '*,http://localhost:3000,chrome-extension://abc',
        'log-format': 'json',
        'log-level': 'warn',
      },
      { AWS_ACCOUNT_ID: '123456789012', AWS_REGION: 'eu-west-1', INITIALIZE_STREAMS: 'a:2,b:on-demand' },
    )
    expect(server).toEqual({
      apiLimits: 'aws',
      diskMax: 20e9,
      diskReserve: 2 ** 30,
      tlsCert: 'c',
      tlsKey: 'k',
      auth: 'keys',
      credentials: 'f',
      quotas: {
        shards: 7,
        onDemandStreams: 3,
        onDemandShards: 9,
        scalings: Infinity,
        modeChanges: 4,
        encryptionChanges: Infinity,
        consumers: 100,
      },
      durability: 'os',
      statusDelayMs: 500,
      corsOrigins: ['*', 'http://localhost:3000', 'chrome-extension://abc'],
      account: '123456789012',
      region: 'eu-west-1',
      createStreams: [{ name: 'a', shards: 2 }, { name: 'b' }],
    })
    expect([logFormat, logLevel]).toEqual(['json', 'warn'])
  })

  it.each<readonly [Texts, Texts, string]>([
    [{ port: '70000' }, {}, "--port: expected a whole number from 0 to 65535, found '70000'"],
    [{}, { MILLRACE_PORT: 'x' }, "MILLRACE_PORT: expected a whole number from 0 to 65535, found 'x'"],
    [{ prot: '1' }, {}, "flag '--prot': no such option. Did you mean '--port'?"],
    [{ durability: 'fsnyc' }, {}, "--durability: expected fsync, os, found 'fsnyc'; did you mean fsync?"],
    [{ auth: 'iams' }, {}, "--auth: expected none, keys, iam, found 'iams'; did you mean iam?"],
    [{ 'test-kit': 'yes' }, {}, "--test-kit: expected on, off or seed=N, found 'yes'"],
    [{ 'create-streams': 'a:1:b:c' }, {}, '--create-streams: expected streams like orders:4'],
    [{ engine: 'nats://a:4222' }, {}, '--engine: this waits for the cluster engine'],
    [{ 'api-limits': 'asw' }, {}, "--api-limits: expected aws, off, found 'asw'; did you mean aws?"],
    [{ 'create-streams': 'a:on-demands' }, {}, '--create-streams: expected a whole number'],
    [{ 'create-streams': 'a b:1' }, {}, '--create-streams: expected streams like orders:4'],
    [{ quota: 'on-demand-stream=3' }, {}, 'did you mean on-demand-streams?'],
    [{ quota: 'scalings=0' }, {}, '--quota: expected a whole number from 1 to'],
    [{ 'shard-limits': 'none' }, {}, '--shard-limits: expected aws, off, or write-bytes='],
    [{ 'shard-limits': 'write-byte=3' }, {}, 'did you mean write-bytes?'],
    [{ 'disk-max': 'much' }, {}, "--disk-max: expected a number of bytes, like 1048576, 256MiB or 20GB, found 'much'"],
    [{ 'disk-max': '100MiB' }, {}, "--disk-max: expected at least 192MiB, found '100MiB'"],
    [{}, { MILLRACE_DISK_MAX: '0' }, "MILLRACE_DISK_MAX: expected at least 192MiB, found '0'"],
    [
      { 'cors-origins': 'foo' },
      {},
      "--cors-origins: expected *, or origins like https://console.example.org, found 'foo'",
    ],
    [{ 'cors-origins': 'https://a.org,https://b.org/' }, {}, "found 'https://b.org/'"],
    [{ 'cors-origins': 'https://a.org:443' }, {}, "found 'https://a.org:443'"],
    [{ 'cors-origins': 'HTTP://a.org' }, {}, "found 'HTTP://a.org'"],
    [{ 'tls-cert': 'x' }, {}, '--tls-key: expected together with --tls-cert'],
    [{ account: '12' }, {}, "--account: expected 12 digits, found '12'"],
    [{ config: 'nowhere.yaml' }, {}, '--config: expected a file at'],
  ])('%o %o: %s', async (flags, environment, message) => {
    await expect(read(flags, environment)).rejects.toThrow(message)
    await expect(read(flags, environment)).rejects.toHaveProperty('name', 'ConfigError')
  })

  it.each([
    ['prot: 1', "'prot': no such option. Did you mean 'port'?"],
    ['port: x', 'port in '],
    ['- a', 'expected a map of options'],
    ['a: {', 'not valid YAML'],
    ['account: 000000000012', 'expected 12 digits in quotes, found a number'],
  ])('of a file with %j says where it is wrong', async (text, message) => {
    const config = await fileOf(text)
    await expect(read({ config })).rejects.toThrow(message)
    await expect(read({ config })).rejects.toThrow(config)
  })
})
