/**
 * The certificate and key the server shows: the files it was given, or a self-signed pair made when the first client
 * speaks TLS and kept in the data directory, so that who has come to trust it need not do so again.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Clock, Logger, Random } from '@millrace/std'

import { ConfigError } from '../config-error.ts'
import { type Certificate, selfSignedCertificate } from './certificate.ts'

/** One that ends sooner is made anew. */
const RENEW_BEFORE_MS = 30 * 86_400_000

export interface TlsIdentityOptions {
  /** Paths of PEM files. Undefined: self-signed. */
  readonly files: { readonly cert: string; readonly key: string } | undefined
  /** Where a self-signed pair is kept. Undefined: nowhere. */
  readonly directory: string | undefined
  /** Besides loopback. */
  readonly host: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export async function tlsIdentity(options: TlsIdentityOptions): Promise<Certificate> {
  const { files, directory, clock, random, logger, host } = options
  if (files !== undefined) return { cert: await readFile(files.cert, 'utf8'), key: await readFile(files.key, 'utf8') }
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...(isAny(host) ? [] : [host])])]
  const make = (): Certificate => selfSignedCertificate({ names, nowMs: clock.now(), random })
  if (directory === undefined) return make()
  const paths = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const kept = await readKept(paths)
  if (kept !== undefined && isGood(kept, host, clock.now())) return kept
  const made = make()
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await replace(paths.key, made.key)
  await replace(paths.cert, made.cert)
  logger.info('a self-signed certificate was made for TLS', { certificate: paths.cert })
  return made
}

/** Throws ConfigError unless both files can be read and belong together. */
export async function assertTlsPair(files: { readonly cert: string; readonly key: string }): Promise<void> {
  const part = async <T>(option: string, path: string, parse: (text: string) => T): Promise<T> => {
    try {
      return parse(await readFile(path, 'utf8'))
    } catch (error) {
      throw new ConfigError(`${option} ${path}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const cert = await part('tls-cert', files.cert, (text) => new X509Certificate(text))
  const key = await part('tls-key', files.key, (text) => createPrivateKey(text))
  if (!cert.checkPrivateKey(key)) throw new ConfigError(`tls-key ${files.key} is not the key of tls-cert ${files.cert}`)
}

async function readKept(paths: { readonly cert: string; readonly key: string }): Promise<Certificate | undefined> {
  try {
    return { cert: await readFile(paths.cert, 'utf8'), key: await readFile(paths.key, 'utf8') }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A pair of different times, as a crash between two renames leaves it, is not good either. */
function isGood({ cert, key }: Certificate, host: string, nowMs: number): boolean {
  try {
    const parsed = new X509Certificate(cert)
    const named = isAny(host) || parsed.checkHost(host) !== undefined || parsed.checkIP(host) !== undefined
    return (
      named && Date.parse(parsed.validTo) - RENEW_BEFORE_MS > nowMs && parsed.checkPrivateKey(createPrivateKey(key))
    )
  } catch {
    return false
  }
}

async function replace(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  await writeFile(fresh, text, { mode: 0o600 })
  await rename(fresh, path)
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === ''
}
