/**
 * Work must grow with the input, not with its square: large inputs of one thing again and again, of twice the size
 * each time, for every target whose parser is not bounded by something smaller.
 */
import { describe, expect, it } from 'vitest'

import { nearest } from '@millrace/std'
import { readSignature, SigningKeyCache, verifySignature } from '@millrace/protocol'
import type { Target } from './support/target.ts'
import { cborDocuments, jsonDocuments, jsonRequests } from './targets/bodies.ts'
import { credentialsDocuments, iniFiles, refusals } from './targets/client-texts.ts'
import { recordSources, typedTexts } from './targets/command-line.ts'
import { configFiles, configValues, credentialsFiles, keyFiles } from './targets/configuration.ts'
import { base64Texts, names } from './targets/names.ts'
import { signatures } from './targets/signatures.ts'
import { tokens } from './targets/tokens.ts'

const SMALL_BYTES = 32 * 1024
const LARGE_BYTES = 256 * 1024
/** Eight times the bytes: eight times the work, or with luck less. The square would be 64 times. */
const GROWTH_MAX = 24
/** The least that the small one counts for. The square of 256 KiB takes seconds: this hides nothing. */
const SMALL_MS_MIN = 10
/** Below this a measurement says nothing. */
const MEASURED_MS_MIN = 40

/** What stands in front, what comes again and again, what stands behind. */
type Family = readonly [target: Target, head: string, unit: string, tail: string]

const families: readonly Family[] = [
  [jsonDocuments, '', '[', ''],
  [jsonDocuments, '{"a":"', '\\u0041', '"}'],
  [jsonDocuments, '[', '1,', '1]'],
  [jsonRequests, '\u0007{"StreamName":"s","Records":[', '{"Data":"AAAA","PartitionKey":"a"},', '{}]}'],
  [jsonRequests, '\u0000{"StreamName":"', 'arn:aws:', '"}'],
  [cborDocuments, '', '\x9f', ''],
  [base64Texts, '', 'AAAA', ''],
  [base64Texts, '', '=', ''],
  [names, '', '9', ''],
  [names, 'arn:aws:kinesis:', 'a:', ''],
  [names, 'shardId', '-', '1'],
  [tokens, '', 'AAAA', ''],
  [signatures, 'POST / HTTP/1.1\r\nAuthorization: ', 'a=b, ', '\r\n\r\n{}'],
  [signatures, 'POST /?', 'a=b&', ' HTTP/1.1\r\nAuthorization: x\r\n\r\n{}'],
  [signatures, 'POST ', '/..', ' HTTP/1.1\r\nAuthorization: x\r\n\r\n{}'],
  [refusals, '\u0002\u0002', '#:', ''],
  [credentialsDocuments, '{"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"', '(', '"}'],
  [iniFiles, '[a]\n', 'a = b\n', ''],
  [iniFiles, '[a]\na =', ' ', '#'],
  [iniFiles, '', '[', ']'],
  [typedTexts, '', 'a.', 'b'],
  [typedTexts, '', '%v', ''],
  [typedTexts, '["', '\\"', ''],
  [typedTexts, '-', '1d', ''],
  [typedTexts, '%d{strftime[', '%', ']}'],
  [recordSources, '\u003f', '[', ''],
  [recordSources, '\u003f["', '\\"', '"]'],
  [configFiles, '', 'a', ': 1'],
  [configFiles, 'a: "', '\\n', '"'],
  [configValues, '', 'a:1,', ''],
  [credentialsFiles, 'accessKeys:\n', '  - {accessKeyId: "a", secretAccessKey: "b"}\n', ''],
  [credentialsFiles, '', 'accessKey', ': 1'],
  [keyFiles, 'keys:\n', '  - {id: "a", material: "b"}\n', ''],
]

function inputOf([, head, unit, tail]: Family, bytes: number): Uint8Array {
  return Buffer.from(head + unit.repeat(Math.ceil(bytes / unit.length)) + tail, 'latin1')
}

async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/** The least of three: what else the machine does only adds. */
async function leastMs(work: () => unknown): Promise<number> {
  return Math.min(await cpuMs(work), await cpuMs(work), await cpuMs(work))
}

describe('work grows with the input', () => {
  it.each(
    families.map((family) => [`${family[0].name}: ${JSON.stringify(family.slice(1).join(' … '))}`, family] as const),
  )('%s', async (_name, family) => {
    const [target] = family
    const [small, large] = [inputOf(family, SMALL_BYTES), inputOf(family, LARGE_BYTES)]
    const largeMs = await leastMs(() => target.check(large))
    if (largeMs < MEASURED_MS_MIN) return
    const smallMs = await leastMs(() => target.check(small))
    expect(largeMs / Math.max(smallMs, SMALL_MS_MIN), `${largeMs} ms after ${smallMs} ms`).toBeLessThan(GROWTH_MAX)
  })

  it('a name of a megabyte is compared with no option', async () => {
    expect(await cpuMs(() => nearest('a'.repeat(1024 * 1024), ['port', 'host', 'data-dir']))).toBeLessThan(
      MEASURED_MS_MIN,
    )
  })

  it('a header signed again and again is not put together again and again', () => {
    const headers = {
      host: 'localhost',
      'x-amz-date': '20261122T000000Z',
      x: 'a'.repeat(16_000),
      authorization:
        'AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/kinesis/aws4_request, ' +
        `SignedHeaders=host${';x'.repeat(7_000)}, Signature=0`,
    }
    const request = { method: 'POST', url: '/', headers, body: new Uint8Array(0) }
    const options = { secretAccessKey: 's', nowMs: Date.UTC(2026, 10, 22), keys: new SigningKeyCache() }
    const before = process.memoryUsage().rss
    expect(() => verifySignature(readSignature(request), request, options)).toThrow('does not match')
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024)
  })
})
