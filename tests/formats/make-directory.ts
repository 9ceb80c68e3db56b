/**
 * Makes a small data directory as the service does, and says what is in it: streams, splits and merges, records of every
 * kind, a longer and a trimmed retention, tags, snapshots and regrouped segments, all on a virtual clock. Run by hand for
 * each new version of a format (`npx tsx -C source tests/formats/make-directory.ts NAME`); what it made stays for ever.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { makeService, readEverything } from './service.ts'

const HOUR_MS = 3_600_000
const here = dirname(fileURLToPath(import.meta.url))
const [name] = process.argv.slice(2)
if (name === undefined) throw new Error('name the folder, after the versions of the formats: v3')

const directory = await mkdtemp(join(tmpdir(), 'millrace-formats-'))
const service = await makeService(directory, 1_700_000_000_000)
const { call } = service
await call('CreateStream', { StreamName: 'orders', ShardCount: 2, Tags: { team: 'mill', 'a/b': '' } })
await call('CreateStream', { StreamName: 'long', ShardCount: 1 })
await call('CreateStream', { StreamName: 'gone', ShardCount: 3 })
await call('IncreaseStreamRetentionPeriod', { StreamName: 'long', RetentionPeriodHours: 8_760 })
await call('EnableEnhancedMonitoring', { StreamName: 'long', ShardLevelMetrics: ['IncomingBytes'] })
async function put(from: number, to: number, streams: readonly string[]): Promise<void> {
  for (let i = from; i < to; i++) {
    await call('PutRecords', {
      StreamName: 'orders',
      Records: Array.from({ length: 4 }, (_, n) => ({
        PartitionKey: `key-${(i + n) % 7}`,
        Data: Buffer.from(`order ${i}.${n} ${'.'.repeat((i * 37) % 900)}`),
        ...(n === 3 ? { ExplicitHashKey: String(BigInt(i) << 120n) } : {}),
      })),
    })
    await call('PutRecord', {
      StreamName: 'long',
      PartitionKey: 'ключ',
      Data: Buffer.from(`long ${i} ${'x'.repeat(700)}`),
    })
    for (const StreamName of streams)
      await call('PutRecord', { StreamName, PartitionKey: 'g', Data: Buffer.alloc(300) })
    await service.pass(1_000)
  }
}
await put(0, 60, ['gone'])
await call('SplitShard', {
  StreamName: 'orders',
  ShardToSplit: 'shardId-000000000000',
  NewStartingHashKey: '85070591730234615865843651857942052864',
})
await put(60, 90, ['gone'])
await call('DeleteStream', { StreamName: 'gone' })
await service.pass(25 * HOUR_MS, 600_000)
await put(90, 120, [])
await call('MergeShards', {
  StreamName: 'orders',
  ShardToMerge: 'shardId-000000000002',
  AdjacentShardToMerge: 'shardId-000000000003',
})
await put(120, 130, [])
await service.pass(600_000, 5_000)
const nowMs = service.clock.now()
await service.close()

const again = await makeService(directory, nowMs)
const contents = await readEverything(again)
await again.close()
const folder = join(here, name)
await rm(folder, { recursive: true, force: true })
for (const path of await readdir(directory, { recursive: true, withFileTypes: true })) {
  const relative = join(path.parentPath, path.name).slice(directory.length + 1)
  if (!path.isFile() || relative.startsWith('spare')) continue
  await mkdir(dirname(join(folder, relative)), { recursive: true })
  await writeFile(`${join(folder, relative)}.gz`, gzipSync(await readFile(join(directory, relative)), { level: 9 }))
}
await writeFile(
  join(folder, 'contents.json.gz'),
  gzipSync(JSON.stringify({ nowMs, contents }, undefined, 1), { level: 9 }),
)
await rm(directory, { recursive: true })
