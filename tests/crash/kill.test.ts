/**
 * `kill -9` over HTTP: a real server is killed at random moments under load and resharding, and started again on the
 * same directory. What was acknowledged is kept here, outside the server, and must all be there, as it was answered.
 * None of its lives tells of damage, and `millrace check` finds none.
 *
 * 20 kills by default, or as many as go into 25 s; MILLRACE_KILLS sets another number, MILLRACE_KILL_BATCH the records of
 * one request at most, MILLRACE_KILL_PAUSE_MS the time between two at most, and MILLRACE_KILL_ACKNOWLEDGED for how many
 * records it goes on killing (the soak: 300, and a million).
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { sdkClient } from '../conformance/support/sdk-client.ts'
import { finished, startLocalCommand } from './support/command.ts'
import { History, type StoredRecord } from './support/history.ts'
import { readAll, reshard, timeLimit, write } from './support/load.ts'
import { ServerProcess } from './support/server-process.ts'

const kills = Number(process.env['MILLRACE_KILLS'] ?? 20)
/** `npm test` has twenty minutes, also on a machine that is slow today. */
const secondsMax = process.env['MILLRACE_KILLS'] === undefined ? 25 : Number.POSITIVE_INFINITY
const KILLS_MIN = 5
/** How long the server is left alone between two kills, at most. */
const pauseMsMax = Number(process.env['MILLRACE_KILL_PAUSE_MS'] ?? 500)
const batchMax = Number(process.env['MILLRACE_KILL_BATCH'] ?? 4)
/** So many acknowledged records at least, and some 20 a kill. */
const acknowledgedMin = Number(process.env['MILLRACE_KILL_ACKNOWLEDGED'] ?? 0)
const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
const keys = Array.from({ length: 16 }, (_, i) => `key-${i}`)

describe(`up to ${kills} kills with -9 under load and resharding`, () => {
  let server: ServerProcess | undefined
  let folder = ''
  afterEach(async () => {
    await server?.kill()
    await rm(folder, { recursive: true, force: true })
  })

  it(`lose, move, double and invent nothing (seed ${seed})`, async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
    server = await ServerProcess.start(folder, ['--shard-limits', 'off', '--log-format', 'json'])
    const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    const random = seededRandom(seed)
    const history = new History()
    const load = { sdk, stream: 'killed', history, random, batchMax }
    await sdk.send(new CreateStreamCommand({ StreamName: load.stream, ShardCount: 4 }))

    let slowestStartMs = 0
    const damage: string[] = []
    const stop = new AbortController()
    const writers = keys.map((key) => write(load, key, stop.signal))
    const resharder = reshard(load, stop.signal)
    const isLate = timeLimit(secondsMax)
    let killed = 0
    const isEnough = (): boolean => killed >= kills && history.acknowledgements >= acknowledgedMin
    for (; !isEnough() && !(killed >= KILLS_MIN && isLate()); killed++) {
      await new Promise((resolve) => setTimeout(resolve, 50 + randomBelow(random, pauseMsMax)))
      await server.kill()
      damage.push(...server.damageLines)
      const killedAt = performance.now()
      await server.start()
      slowestStartMs = Math.max(slowestStartMs, performance.now() - killedAt)
    }
    stop.abort()
    await Promise.all(writers)
    const reshards = await resharder
    const stored = await readAll(sdk, load.stream)
    console.info(
      `kill -9: ${killed} kills, ${history.attempts} records tried, ${history.acknowledgements} acknowledged, ` +
        `${stored.length} stored, ${reshards} reshards, slowest start ${Math.round(slowestStartMs)} ms, seed ${seed}`,
    )
    expect(history.violations(stored)).toEqual([])
    expect(history.acknowledgements).toBeGreaterThan(killed * 20)
    expect(history.acknowledgements).toBeGreaterThanOrEqual(acknowledgedMin)
    expect(reshards).toBeGreaterThan(0)
    // Once more after a clean stop: what a restart recovers is what was served.
    expect(await server.kill('SIGTERM')).toBe(0)
    damage.push(...server.damageLines)
    expect(await finished(startLocalCommand('check', folder))).toMatchObject({ code: 0 })
    await server.start()
    expect(digestOf(await readAll(sdk, load.stream))).toBe(digestOf(stored))
    expect([...damage, ...server.damageLines]).toEqual([])
    sdk.destroy()
  })
})

/** Equal for the same records in the same order: a comparison of a million objects would take longer than the kills. */
function digestOf(records: readonly StoredRecord[]): string {
  const hash = createHash('sha256')
  for (const { shard, sequenceNumber, text } of records) hash.update(`${shard} ${sequenceNumber} ${text}\n`)
  return hash.digest('hex')
}
