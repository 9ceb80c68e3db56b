/**
 * A self-signed X.509 certificate, written by hand: some forty bytes of structure around what node:crypto gives
 * (docs/decisions/035-self-signed-certificate.md). ECDSA on P-256 with SHA-256; good for the names it is given.
 */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

import type { Random } from '@millrace/std'

/** Apple's clients take no longer ones. */
export const CERTIFICATE_DAYS = 800
const DAY_MS = 86_400_000

export interface CertificateOptions {
  /** DNS names and IP addresses. */
  readonly names: readonly string[]
  /** Ms since the epoch. Valid from a day before: clocks differ. */
  readonly nowMs: number
  readonly random: Random
}

export interface Certificate {
  /** PEM. */
  readonly cert: string
  /** PEM, PKCS #8. */
  readonly key: string
}

export function selfSignedCertificate({ names, nowMs, random }: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const serial = Buffer.from(random.bytes(16))
  // Positive, and not zero.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const name = sequence(set(sequence(oid('2.5.4.3'), der(UTF8_STRING, Buffer.from('Millrace, self-signed')))))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const toBeSigned = sequence(
    context(0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - DAY_MS), time(nowMs + CERTIFICATE_DAYS * DAY_MS)),
    name,
    spki,
    context(3, sequence(...extensions(names, spki))),
  )
  return {
    cert: pem('CERTIFICATE', sequence(toBeSigned, ecdsaWithSha256, bitString(signature(toBeSigned, privateKey)))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function extensions(names: readonly string[], spki: Buffer): Buffer[] {
  const yes = der(BOOLEAN, Buffer.from([0xff]))
  const extension = (id: string, value: Buffer, critical = false): Buffer =>
    sequence(oid(id), ...(critical ? [yes] : []), der(OCTET_STRING, value))
  return [
    // Clients that are told to trust it, trust it as its own authority.
    extension('2.5.29.19', sequence(yes), true),
    // digitalSignature and keyCertSign: bits 0 and 5.
    extension('2.5.29.15', der(BIT_STRING, Buffer.from([2, 0b1000_0100])), true),
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.14', der(OCTET_STRING, createHash('sha1').update(spki).digest())),
    extension('2.5.29.17', sequence(...names.map(alternativeName))),
  ]
}

function alternativeName(name: string): Buffer {
  return isIP(name) === 0 ? der(DNS_NAME, Buffer.from(name, 'latin1')) : der(IP_ADDRESS, ipBytes(name))
}

function ipBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // The URL parser writes IPv6 in its shortest form, which has at most one gap.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)))
  const before = groups(head)
  const after = groups(tail ?? '')
  const bytes = Buffer.alloc(16)
  for (const [index, group] of before.entries()) bytes.writeUInt16BE(group, 2 * index)
  for (const [index, group] of after.entries()) bytes.writeUInt16BE(group, 16 - 2 * (after.length - index))
  return bytes
}

function signature(bytes: Buffer, key: KeyObject): Buffer {
  return sign('sha256', bytes, { key, dsaEncoding: 'der' })
}

// DER: a tag, a length, the content (X.690).
const BOOLEAN = 0x01
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const GENERALIZED_TIME = 0x18
const UTC_TIME = 0x17
const SEQUENCE = 0x30
const SET = 0x31
const CONTEXT_CONSTRUCTED = 0xa0
const DNS_NAME = 0x82
const IP_ADDRESS = 0x87

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >>> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return der(SEQUENCE, Buffer.concat(parts))
}

function set(...parts: Buffer[]): Buffer {
  return der(SET, Buffer.concat(parts))
}

function context(number: number, content: Buffer): Buffer {
  return der(CONTEXT_CONSTRUCTED | number, content)
}

function bitString(content: Buffer): Buffer {
  return der(BIT_STRING, Buffer.concat([Buffer.from([0]), content]))
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(OBJECT_IDENTIFIER, Buffer.from(bytes))
}

/** Dates before 2050 have two digits of the year, by rule. */
function time(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
  return text < '2050' ? der(UTC_TIME, Buffer.from(text.slice(2))) : der(GENERALIZED_TIME, Buffer.from(text))
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
