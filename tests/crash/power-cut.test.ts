/**
 * Real power cuts: a real server on a real ext4 of its own, which is shut down without flushing under load and
 * resharding, also while the server starts. What was acknowledged is kept here and must all be there, as it was
 * answered. 20 cuts by default, or as many as go into 35 s (the soak: 500); MILLRACE_CUTS sets another number, MILLRACE_SEED repeats the choices.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sdkClient } from '../conformance/support/sdk-client.ts'
import { finished, startLocalCommand } from './support/command.ts'
import { History } from './support/history.ts'
import { readAll, reshard, timeLimit, write } from './support/load.ts'
import { LoopDisk } from './support/loop-disk.ts'
import { ServerProcess } from './support/server-process.ts'

const cuts = Number(process.env['MILLRACE_CUTS'] ?? 20)
/** `npm test` has twenty minutes, also on a machine that is slow today. */
const secondsMax = process.env['MILLRACE_CUTS'] === undefined ? 35 : Number.POSITIVE_INFINITY
const CUTS_MIN = 5
/** Without fsync nearly each of them loses something. */
const UNSYNCED_CUTS = 8
const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`)
/** Of all cuts, how many come while the server still starts after the one before. */
const EARLY_CHANCE = 0.2
const missing = LoopDisk.missing()

/** What came of a run: rules that were broken, and how much there was to break. */
interface Outcome {
  readonly violations: readonly string[]
  readonly cuts: number
  readonly acknowledged: number
  readonly reshards: number
  readonly earlyCuts: number
  /** What the server said of damage, in all its lives. */
  readonly damage: readonly string[]
}

describe('power cuts', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-power-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it(`up to ${cuts} of them lose, move, double and invent nothing (seed ${seed})`, async () => {
    if (missing !== undefined) return tellMissing()
    using disk = LoopDisk.make(folder)
    const dataDir = join(disk.path, 'data')
    const outcome = await cutPower(disk, dataDir, cuts, 'fsync')
    console.info(
      `power cuts: ${outcome.cuts}, ${outcome.earlyCuts} of them while starting, ${outcome.acknowledged} records acknowledged, ` +
        `${outcome.reshards} reshards, seed ${seed}`,
    )
    expect(outcome.violations).toEqual([])
    expect(outcome.damage).toEqual([])
    expect(outcome.acknowledged).toBeGreaterThan(outcome.cuts * 5)
    expect(outcome.reshards).toBeGreaterThan(0)
    expect((await finished(startLocalCommand('check', dataDir))).code).toBe(0)
  })

  it('are real: what was not synced is lost', async () => {
    if (missing !== undefined) return tellMissing()
    using disk = LoopDisk.make(folder)
    const { violations } = await cutPower(disk, join(disk.path, 'data'), UNSYNCED_CUTS, 'os')
    expect(violations.filter((line) => line.startsWith('lost: ')).length).toBeGreaterThan(0)
  })
})

async function cutPower(disk: LoopDisk, dataDir: string, times: number, durability: string): Promise<Outcome> {
  const random = seededRandom(seed)
  const options = ['--shard-limits', 'off', '--durability', durability, '--log-format', 'json']
  const server = await ServerProcess.start(dataDir, options)
  const damage: string[] = []
  const noteDamage = (): void => void damage.push(...server.damageLines)
  const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
  try {
    const history = new History()
    const load = { sdk, stream: 'cut', history, random }
    await sdk.send(new CreateStreamCommand({ StreamName: load.stream, ShardCount: 4 }))
    const stop = new AbortController()
    const writers = keys.map((key) => write(load, key, stop.signal))
    const resharder = reshard(load, stop.signal)
    let earlyCuts = 0
    const isLate = timeLimit(secondsMax)
    let cut = 0
    for (; cut < times && !(cut >= CUTS_MIN && isLate()); cut++) {
      const before = history.acknowledgements
      await new Promise((resolve) => setTimeout(resolve, 40 + randomBelow(random, 250)))
      await expect.poll(() => history.acknowledgements, { timeout: 10_000, interval: 5 }).toBeGreaterThan(before + 5)
      await powerCycle(disk, server)
      if (random.float() < EARLY_CHANCE) {
        earlyCuts++
        // It may be anywhere between its first line and its first answer.
        const starting = server.start().catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, 200 + randomBelow(random, 300)))
        // Said before: what it says behind is of a disk that answers nothing but errors. What is damaged the next start says, too.
        noteDamage()
        await powerCycle(disk, server)
        await starting
      }
      await server.start()
      noteDamage()
    }
    stop.abort()
    await Promise.all(writers)
    const reshards = await resharder
    const stored = await readAll(sdk, load.stream)
    const violations = history.violations(stored)
    expect(await server.kill('SIGTERM')).toBe(0)
    return { violations, cuts: cut, acknowledged: history.acknowledgements, reshards, earlyCuts, damage }
  } finally {
    sdk.destroy()
    await server.kill()
  }
}

async function powerCycle(disk: LoopDisk, server: ServerProcess): Promise<void> {
  disk.cut()
  await server.kill()
  disk.restore()
}

function tellMissing(): void {
  process.stderr.write(`not shown here: power cuts (they need ${missing})\n`)
}
