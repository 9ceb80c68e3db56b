import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { silentLogger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { CERTIFICATE_DAYS, selfSignedCertificate } from './certificate.ts'
import { tlsIdentity, type TlsIdentityOptions } from './tls-identity.ts'

const clock = new VirtualClock()
const random = seededRandom(7)
const DAY_MS = 86_400_000

describe('a self-signed certificate', () => {
  const names = ['localhost', '127.0.0.1', '::1', '2001:db8::5:0:7', 'host.example']
  const { cert, key } = selfSignedCertificate({ names, nowMs: clock.now(), random })
  const parsed = new X509Certificate(cert)

  it('is good for its names, signed by its own key, and an authority for itself', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(parsed.checkIssued(parsed)).toBe(true)
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(parsed.ca).toBe(true)
    for (const name of ['localhost', 'host.example']) expect(parsed.checkHost(name)).toBeDefined()
    for (const address of ['127.0.0.1', '::1', '2001:db8::5:0:7']) expect(parsed.checkIP(address)).toBeDefined()
    expect(parsed.checkHost('other.example')).toBeUndefined()
  })

  it('begins a day ago and ends when Apple wants it to', () => {
    expect(Date.parse(parsed.validFrom)).toBeLessThanOrEqual(clock.now() - DAY_MS + 1000)
    expect(Math.abs(Date.parse(parsed.validTo) - clock.now() - CERTIFICATE_DAYS * DAY_MS)).toBeLessThan(1000)
  })

  it('ends in the right century beyond 2049', () => {
    const nowMs = Date.UTC(2049, 11, 1)
    const late = new X509Certificate(selfSignedCertificate({ names, nowMs, random }).cert)
    expect(new Date(late.validTo).getUTCFullYear()).toBe(2052)
    expect(new Date(late.validFrom).getUTCFullYear()).toBe(2049)
  })
})

describe('the identity of a server', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const identity = (more: Partial<TlsIdentityOptions> = {}) =>
    tlsIdentity({ files: undefined, directory, host: 'localhost', clock, random, logger: silentLogger, ...more })

  it('is made once, kept, and readable by its owner only', async () => {
    const first = await identity()
    expect(await identity()).toEqual(first)
    expect((await stat(join(directory, 'key.pem'))).mode & 0o777).toBe(0o600)
  })

  it('is made anew when it ends soon, lacks the host, or is half of a pair', async () => {
    const { cert } = await identity()
    const later = new VirtualClock(clock.now() + (CERTIFICATE_DAYS - 20) * DAY_MS)
    expect((await identity({ clock: later })).cert).not.toBe(cert)
    const named = await identity({ host: 'host.example' })
    expect(new X509Certificate(named.cert).checkHost('host.example')).toBeDefined()
    await writeFile(join(directory, 'key.pem'), selfSignedCertificate({ names: ['x'], nowMs: clock.now(), random }).key)
    expect((await identity({ host: 'host.example' })).cert).not.toBe(named.cert)
  })

  it('is what the given files hold', async () => {
    const files = { cert: join(directory, 'a.pem'), key: join(directory, 'b.pem') }
    await writeFile(files.cert, 'C')
    await writeFile(files.key, 'K')
    expect(await identity({ files })).toEqual({ cert: 'C', key: 'K' })
    expect(await readFile(files.key, 'utf8')).toBe('K')
  })
})
