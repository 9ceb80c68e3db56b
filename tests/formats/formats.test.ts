/**
 * Directories as earlier versions of the formats made them are opened for ever, and show what they held. Each folder
 * beside this file is one, with its files compressed; `make-directory.ts` made it.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { openDataDirectory } from '@millrace/server'
import { systemClock, systemRandom } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeService, readEverything } from './service.ts'

const here = dirname(fileURLToPath(import.meta.url))
const versions = (await readdir(here, { withFileTypes: true })).filter((entry) => entry.isDirectory())

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-formats-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

interface Expected {
  readonly nowMs: number
  readonly contents: unknown
}

/** Puts the files of a version in place; what they hold. */
async function unpack(version: string): Promise<Expected> {
  let expected: Expected | undefined
  for (const entry of await readdir(join(here, version), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = gunzipSync(await readFile(path))
    const relative = path.slice(join(here, version).length + 1, -'.gz'.length)
    if (relative === 'contents.json') expected = JSON.parse(bytes.toString()) as Expected
    else {
      await mkdir(dirname(join(directory, relative)), { recursive: true })
      await writeFile(join(directory, relative), bytes)
    }
  }
  if (expected === undefined) throw new Error(`${version} has no contents.json.gz`)
  return expected
}

describe.each(versions.map(({ name }) => name))('a directory of format %s', (version) => {
  it('shows what it held, and again after it was written to', async () => {
    const { nowMs, contents } = await unpack(version)
    const service = await makeService(directory, nowMs)
    expect(await readEverything(service)).toEqual(contents)
    await service.call('CreateStream', { StreamName: 'zz-new', ShardCount: 1 })
    await service.call('PutRecord', { StreamName: 'zz-new', PartitionKey: 'k', Data: Buffer.from('new') })
    await service.close()
    const again = await makeService(directory, nowMs)
    const after = (await readEverything(again)) as unknown[]
    expect(after.slice(0, -1)).toEqual(contents)
    expect(JSON.stringify(after.at(-1))).toContain(Buffer.from('new').toString('base64'))
    await again.close()
  })

  it('is checked without findings, and has files of every kind', async () => {
    await unpack(version)
    const opened = await openDataDirectory(directory, { clock: systemClock, random: systemRandom })
    const findings: unknown[] = []
    for await (const finding of opened.check()) findings.push(finding)
    await opened.close()
    expect(findings).toEqual([])
    const names = [...(await readdir(join(directory, 'log'))), ...(await readdir(join(directory, 'meta')))]
    for (const kind of [/^\d+\.seg$/, /^\d+\.idx$/, /^g\d+\.seg$/, /^g\d+\.idx$/, /\.snap$/])
      expect(names.filter((name) => kind.test(name)).length).toBeGreaterThan(0)
  })
})

it('there is a directory of each version', () => {
  expect(versions.map(({ name }) => name)).toEqual(['v2', 'v3'])
})
