import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { deferred, type Logger, silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { AuditLog } from './audit-log.ts'

const clock = new VirtualClock()
const time = new Date(clock.now()).toISOString()

describe('the audit log', () => {
  it('appends lines in order, to a file that may be moved away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-audit-'))
    try {
      const path = join(folder, 'audit.jsonl')
      const first = await AuditLog.open({ path, clock, logger: silentLogger })
      for (let n = 0; n < 3; n++) first.record({ n, nothing: undefined })
      await first.close()
      await rename(path, `${path}.1`)
      first.record({ n: 3 })
      await first.close()
      const second = await AuditLog.open({ path, clock, logger: silentLogger })
      second.record({ n: 4 })
      await second.close()
      const line = (n: number): string => `${JSON.stringify({ time, n })}\n`
      expect(await readFile(`${path}.1`, 'utf8')).toBe(line(0) + line(1) + line(2))
      expect(await readFile(path, 'utf8')).toBe(line(3) + line(4))
      await expect(AuditLog.open({ path: folder, clock, logger: silentLogger })).rejects.toThrow('EISDIR')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('holds a bounded number of lines while the disk is slow, and says what it dropped', async () => {
    const errors: string[] = []
    const logger: Logger = { ...silentLogger, error: (message) => void errors.push(message) }
    const gate = deferred<void>()
    const written: string[] = []
    let fails = false
    const append = async (_path: string, text: string): Promise<void> => {
      if (text !== '') await gate.promise
      if (fails) throw new Error('no space')
      written.push(text)
    }
    const log = await AuditLog.open({ path: 'audit', clock, logger, append })
    const big = 'x'.repeat(2 ** 20)
    // The first is being written; three more fit into what may wait.
    for (let n = 0; n < 6; n++) log.record({ n, big })
    gate.resolve()
    await log.close()
    const numbers = (): unknown[] =>
      written
        .splice(0)
        .flatMap((text) => text.split('\n').filter((line) => line !== ''))
        .map((line) => JSON.parse(line) as { n?: number; dropped?: number })
        .map(({ n, dropped }) => n ?? { dropped })
    expect(numbers()).toEqual([0, { dropped: 2 }, 1, 2, 3])
    expect(errors).toHaveLength(1)

    fails = true
    log.record({ n: 6 })
    await log.close()
    fails = false
    log.record({ n: 7 })
    await log.close()
    expect(numbers()).toEqual([{ dropped: 1 }, 7])
    expect(errors).toHaveLength(2)
  })
})
