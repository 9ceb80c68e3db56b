/**
 * The newcomer's story with 200,000 real records (flights of the United States): piped in by one command, seen live by
 * another while a shard is split, and all there after a kill -9 in the middle.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { finished, runCommand, startCommand } from './support/command.ts'
import { ServerProcess } from './support/server-process.ts'

// Its `exports` names no data: found beside its entry.
const entry = createRequire(import.meta.url).resolve('vega-datasets')
const data = join(entry.slice(0, entry.lastIndexOf('vega-datasets')), 'vega-datasets', 'data', 'flights-200k.json')

/** One flight a line, numbered, with the key `d<distance>`. */
async function flights(count: number): Promise<string> {
  const rows = JSON.parse(await readFile(data, 'utf8')) as { distance: number; delay: number; time: number }[]
  return rows
    .slice(0, count)
    .map((row, n) => JSON.stringify({ n, key: `d${row.distance}`, ...row }))
    .join('\n')
}

/** Lines of `key<TAB>value`: how many there are of each number, and whether each key's numbers first come in order. */
function summary(lines: string): { records: number; distinct: number; outOfOrder: string[] } {
  const seen = new Set<number>()
  const last = new Map<string, number>()
  const outOfOrder: string[] = []
  let records = 0
  for (const line of lines.split('\n')) {
    if (line === '') continue
    const [key = '', value = ''] = line.split('\t')
    const { n } = JSON.parse(value) as { n: number }
    records++
    if (!seen.has(n) && n < (last.get(key) ?? -1)) outOfOrder.push(`${key}: ${n} after ${last.get(key)}`)
    seen.add(n)
    last.set(key, Math.max(n, last.get(key) ?? -1))
  }
  return { records, distinct: seen.size, outOfOrder }
}

describe('200,000 flights', () => {
  let folder = ''
  let server: ServerProcess
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-flights-'))
    server = await ServerProcess.start(folder)
  })
  afterEach(async () => {
    await server.kill()
    await rm(folder, { recursive: true, force: true })
  })

  it('are put by one command and seen by another, in order per key, while a shard is split', async () => {
    const count = 200_000
    await runCommand(server.endpoint, 'stream', 'create', 'flights', '--shards', '4')
    const tail = finished(
      startCommand(
        server.endpoint,
        'tail',
        '--stream',
        'flights',
        '--from',
        'trim-horizon',
        '--limit',
        String(count),
        '--format',
        '%k\\t%v\\n',
      ),
    )
    const put = finished(
      startCommand(server.endpoint, 'put', '--stream', 'flights', '--key-path', 'key'),
      await flights(count),
    )
    const split = await runCommand(server.endpoint, 'shard', 'split', 'flights', 'shardId-000000000001')
    expect(split).toMatchObject({ code: 0 })
    expect(await put).toMatchObject({ code: 0 })
    const seen = await tail
    expect(seen.code).toBe(0)
    expect(summary(seen.stdout)).toEqual({ records: count, distinct: count, outOfOrder: [] })
  })

  it('are all there after a kill -9 in the middle of the put', async () => {
    const count = 100_000
    await runCommand(server.endpoint, 'stream', 'create', 'flights', '--shards', '4')
    const child = startCommand(server.endpoint, 'put', 'flights', '--key-path', 'key')
    const put = finished(child, await flights(count))
    await recordsStored(server.endpoint, 10_000)
    await server.kill()
    await server.start()
    const { code, stderr } = await put
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const read = await runCommand(server.endpoint, 'get', 'flights', '--format', '%k\\t%v\\n')
    // An answer that was lost with the server makes the client send again: at least once, and in order.
    const { distinct, outOfOrder } = summary(read.stdout)
    expect({ distinct, outOfOrder }).toEqual({ distinct: count, outOfOrder: [] })
  })
})

/** Resolves when the server has counted as many records stored. */
async function recordsStored(endpoint: string, records: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${endpoint}/_metrics`)).text()
    const stored = Number(/^kinesis_incoming_records_total\{[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0)
    if (stored >= records) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
