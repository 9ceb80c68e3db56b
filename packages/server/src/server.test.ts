import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect as h2connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'

import { DeleteStream, encodeRequest, ListStreams, type Operation, PutRecord, signRequest } from '@millrace/protocol'
import { systemRandom } from '@millrace/std'
import { afterEach, describe, expect, it } from 'vitest'

import { selfSignedCertificate } from './http/certificate.ts'

import { type RunningServer, type ServerOptions, startServer } from './server.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-server-'))
  closers.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function start(options: ServerOptions = {}): Promise<RunningServer> {
  const server = await startServer({ port: 0, dataDir: ':memory:', ...options })
  closers.push(() => server.close())
  return server
}

const anyKey = { accessKeyId: 'test', secretAccessKey: 'test' }

const listStreams = (server: RunningServer, key = anyKey, region = 'us-east-1') =>
  call(server, ListStreams, {}, key, region)

async function call<I>(server: RunningServer, operation: Operation<I>, input: I, key = anyKey, region = 'us-east-1') {
  const url = new URL(server.endpoint)
  const body = Buffer.from(encodeRequest(operation, 'json', input))
  const headers = {
    host: url.host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `Kinesis_20131202.${operation.name}`,
  }
  const signature = signRequest({ method: 'POST', url: '/', headers, body }, { ...key, region, nowMs: Date.now() })
  const { host: _host, ...sent } = headers
  const response = await fetch(url, { method: 'POST', headers: { ...sent, ...signature }, body })
  return { status: response.status, text: await response.text() }
}

describe('startServer', () => {
  it('serves on loopback without a key, and makes the streams it is told to, once', async () => {
    const dataDir = await folder()
    const createStreams = [
      { name: 'orders', shards: 2 },
      { name: 'clicks', shards: 1 },
    ]
    for (let i = 0; i < 2; i++) {
      const server = await start({ dataDir, createStreams })
      expect(server.auth).toBe('none')
      expect((await listStreams(server)).text).toContain('"StreamNames":["clicks","orders"]')
      expect((await listStreams(server, anyKey, 'eu-west-1')).text).toContain('"StreamNames":[]')
      await server.close()
    }
  })

  it('writes its endpoint into the data directory, and takes it away when it stops', async () => {
    const dataDir = await folder()
    const server = await start({ dataDir })
    expect(await readFile(join(dataDir, 'endpoint'), 'utf8')).toBe(`${server.endpoint}\n`)
    await server.close()
    await expect(stat(join(dataDir, 'endpoint'))).rejects.toThrow('ENOENT')
    await expect(fetch(server.endpoint)).rejects.toThrow()
  })

  it('with keys and no file makes one key, which is the one that counts', async () => {
    const dataDir = await folder()
    const server = await start({ dataDir, auth: 'keys' })
    const key = server.createdKey
    expect((await listStreams(server, key)).status).toBe(200)
    expect((await listStreams(server)).text).toContain('UnrecognizedClientException')
    expect((await listStreams(server, { ...anyKey, accessKeyId: key?.accessKeyId ?? '' })).text).toContain(
      'InvalidSignatureException',
    )
    await server.close()
    const again = await start({ dataDir })
    expect(again.auth).toBe('keys')
    expect(again.createdKey).toBeUndefined()
  })

  it('with policies and no file makes a key that may do everything, in memory and in the file', async () => {
    const dataDir = await folder()
    for (const options of [{ auth: 'iam' as const }, { auth: 'iam' as const, dataDir }]) {
      const server = await start(options)
      expect((await listStreams(server, server.createdKey)).status).toBe(200)
      await server.close()
    }
    const credentials = join(dataDir, 'credentials.yaml')
    await writeFile(credentials, 'accessKeys: [{accessKeyId: test, secretAccessKey: test}]')
    const refused = await listStreams(await start({ auth: 'iam', dataDir }))
    expect(refused.text).toContain('because no identity-based policy allows the kinesis:ListStreams action')
  })

  it('refuses an audit log that cannot be written, before it serves', async () => {
    const auditLog = join(await folder(), 'nowhere', 'audit.jsonl')
    await expect(start({ auditLog })).rejects.toThrow(`audit-log: ${auditLog} cannot be written: ENOENT`)
  })

  it.each([{}, { auth: 'keys' as const }, { auth: 'none' as const }])(
    'refuses a credentials file that was named and is not there: %j',
    async (options) => {
      const dataDir = await folder()
      const credentials = join(dataDir, 'mistyped.yaml')
      await expect(start({ dataDir, credentials, ...options })).rejects.toThrow(`there is no file ${credentials}`)
      await expect(stat(credentials)).rejects.toThrow('ENOENT')
    },
  )

  it('asks for keys when a credentials file is named', async () => {
    const credentials = join(await folder(), 'c.yaml')
    await writeFile(credentials, 'accessKeys: [{accessKeyId: other, secretAccessKey: secret}]')
    const server = await start({ credentials })
    expect(server.auth).toBe('keys')
    expect((await listStreams(server)).text).toContain('UnrecognizedClientException')
  })

  it('refuses TLS files that cannot be read, and a key of another certificate, before it serves', async () => {
    const directory = await folder()
    const pair = (name: string): { tlsCert: string; tlsKey: string } => ({
      tlsCert: join(directory, name, 'cert.pem'),
      tlsKey: join(directory, name, 'key.pem'),
    })
    for (const name of ['a', 'b']) {
      const { cert, key } = selfSignedCertificate({ names: ['localhost'], nowMs: Date.now(), random: systemRandom })
      await mkdir(join(directory, name))
      await writeFile(pair(name).tlsCert, cert)
      await writeFile(pair(name).tlsKey, key)
    }
    await expect(start(pair('nowhere'))).rejects.toThrow(`tls-cert ${pair('nowhere').tlsCert}: ENOENT`)
    await expect(start({ ...pair('a'), tlsKey: pair('b').tlsKey })).rejects.toThrow('is not the key of tls-cert')
    await expect(start({ ...pair('a'), tlsKey: pair('a').tlsCert })).rejects.toThrow(`tls-key ${pair('a').tlsCert}: `)
    await (await start(pair('a'))).close()
  })

  it('says which stream of createStreams could not be made', async () => {
    const createStreams = [
      { name: 'a', shards: 1 },
      { name: 'b', shards: 2 },
    ]
    await expect(start({ createStreams, quotas: { shards: 2 } })).rejects.toThrow(
      "create-streams: stream 'b' could not be made: This request would exceed the shard limit",
    )
  })

  it('closes everything although its endpoint file cannot be removed', async () => {
    const dataDir = await folder()
    const server = await startServer({ port: 0, dataDir })
    await rm(join(dataDir, 'endpoint'))
    await mkdir(join(dataDir, 'endpoint', 'in-the-way'), { recursive: true })
    await expect(server.close()).rejects.toThrow()
    await rm(join(dataDir, 'endpoint'), { recursive: true })
    // The lock is free and the port is closed.
    await expect(fetch(server.endpoint)).rejects.toThrow()
    await (await start({ dataDir })).close()
  })

  it('with keys in memory makes one that nobody keeps', async () => {
    const server = await start({ auth: 'keys' })
    expect(server.createdKey?.secretAccessKey).toHaveLength(40)
    expect((await listStreams(server)).status).toBe(400)
    expect((await listStreams(server, server.createdKey)).status).toBe(200)
  })

  it('verifies signatures with the keys of a file, in memory too', async () => {
    const credentials = join(await folder(), 'c.yaml')
    await writeFile(credentials, 'accessKeys: [{accessKeyId: test, secretAccessKey: test}]')
    expect((await listStreams(await start({ auth: 'keys', credentials }))).status).toBe(200)
  })

  it('refuses a bound that no log fits in', async () => {
    await expect(start({ diskMax: 100 * 2 ** 20 })).rejects.toThrow(
      'diskMax: expected at least 192MiB, three segments of the log, found 104857600 bytes',
    )
  })

  it('elsewhere than loopback asks for keys unless told otherwise', async () => {
    expect(await start({ host: '0.0.0.0' })).toMatchObject({ auth: 'keys', createdKey: expect.anything() })
    const server = await start({ host: '0.0.0.0', auth: 'none' })
    expect(server.endpoint).toBe(`http://localhost:${server.port}`)
    const foreign = await fetch(`http://127.0.0.1:${server.port}/_health/live`, { headers: { host: 'any.example' } })
    expect(foreign.status).toBe(200)
  })

  it.each(['h2', 'http/1.1'])('speaks TLS at the same port, with ALPN %s', async (protocol) => {
    const server = await start()
    const socket = tlsConnect({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: [protocol],
    })
    const status = await new Promise<unknown>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('secureConnect', () => {
        expect(socket.alpnProtocol).toBe(protocol)
        if (protocol === 'h2') {
          const session = h2connect('https://localhost', { createConnection: () => socket })
          session
            .request({ ':path': '/_health/live' })
            .on('response', (headers) => resolve(headers[':status']))
            .resume()
        } else {
          socket.once('data', (data) => resolve(Number(data.toString().slice(9, 12))))
          socket.write('GET /_health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
        }
      })
    })
    socket.destroy()
    expect(status).toBe(200)
  })

  it('refuses an option that it does not know', async () => {
    await expect(start({ datadir: '/nowhere' } as ServerOptions)).rejects.toThrow(
      'datadir: no such option; did you mean dataDir?',
    )
  })

  it('says which port is taken', async () => {
    const { port } = await start()
    await expect(start({ port })).rejects.toThrow(`Cannot listen on port ${port} on localhost: another process does.`)
  })

  it('counts what it serves', async () => {
    const server = await start()
    await listStreams(server)
    const text = await (await fetch(`${server.endpoint}/_metrics`)).text()
    expect(text).toContain('millrace_http_requests_total{operation="ListStreams",status="2xx"} 1')
    expect(text).toContain('millrace_engine_writable 1')
  })

  it('counts what CloudWatch would, by stream', async () => {
    const server = await start({ createStreams: [{ name: 'orders', shards: 1 }] })
    await call(server, PutRecord, { StreamName: 'orders', PartitionKey: 'key', Data: Buffer.from('data') })
    const text = await (await fetch(`${server.endpoint}/_metrics`)).text()
    const labels = 'stream="orders",account="000000000000",region="us-east-1"'
    for (const series of ['incoming_bytes', 'put_record_bytes'])
      expect(text).toContain(`kinesis_${series}_total{${labels}} 7`)
    for (const series of ['incoming_records', 'put_record_success'])
      expect(text).toContain(`kinesis_${series}_total{${labels}} 1`)
  })

  it('tells of a stream that was deleted once more, and then no longer', async () => {
    const server = await start({ createStreams: [{ name: 'orders', shards: 1 }] })
    await call(server, PutRecord, { StreamName: 'orders', PartitionKey: 'key', Data: Buffer.from('data') })
    await call(server, DeleteStream, { StreamName: 'orders' })
    const print = async (): Promise<string> => (await fetch(`${server.endpoint}/_metrics`)).text()
    expect(await print()).toContain('stream="orders"')
    expect(await print()).not.toContain('stream="orders"')
  })

  it('is ready until it stops, and stops twice', async () => {
    const server = await start()
    expect(await (await fetch(`${server.endpoint}/_health/ready`)).json()).toEqual({ status: 'ready', notes: [] })
    const stopped = server.close()
    expect(server.readiness()).toEqual({ ready: false, notes: expect.arrayContaining(['stopping']) })
    await stopped
    await server.close()
  })
})
