import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '@millrace/std'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DirectoryInUseError, type DirectoryLock, lockDirectory } from './directory-lock.ts'

const options = { clock: systemClock, random: systemRandom }

describe('lockDirectory', () => {
  let directory: string
  const children: ChildProcess[] = []
  const locks: DirectoryLock[] = []

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const lock of locks.splice(0)) await lock.release()
    await rm(directory, { recursive: true, force: true })
  })

  async function locked(path = directory): Promise<DirectoryLock> {
    const lock = await lockDirectory(path, options)
    locks.push(lock)
    return lock
  }

  /** A process that takes the lock when told to, says `locked` or why not, and keeps what it has until it is killed. */
  function starter(path = directory): { child: ChildProcess; said: () => Promise<string>; go(): void } {
    const program = `
      import { lockDirectory } from ${JSON.stringify(new URL('directory-lock.ts', import.meta.url).href)}
      import { systemClock as clock, systemRandom as random } from '@millrace/std'
      console.log('ready')
      process.stdin.on('data', () =>
        lockDirectory(${JSON.stringify(path)}, { clock, random }).then(
          () => console.log('locked'), (error) => console.log(error.name)))`
    const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', '--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(child)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return {
      child,
      said: async () => String((await lines.next()).value),
      go: () => void child.stdin.write('go\n'),
    }
  }

  /** A process that holds the lock. */
  async function holder(path = directory): Promise<ChildProcess> {
    const { child, said, go } = starter(path)
    expect(await said()).toBe('ready')
    go()
    expect(await said()).toBe('locked')
    return child
  }

  it('lets one in and tells the next, in a sentence, who has it and what to do', async () => {
    await locked()
    const second = lockDirectory(directory, options)
    await expect(second).rejects.toThrow(DirectoryInUseError)
    await expect(second).rejects.toThrow(
      new RegExp(`^The data directory .* is in use by process ${process.pid} on .+\\. Stop that process, or .*\\.$`),
    )
  })

  it('lets the next in after a release, as often as one likes, and leaves only a few names behind', async () => {
    for (let round = 0; round < 30; round++) {
      const lock = await lockDirectory(directory, options)
      await lock.release()
      await lock.release()
    }
    expect((await readdir(join(directory, 'lock'))).length).toBeLessThan(12)
    await locked()
  })

  it('two directories have two owners', async () => {
    await locked(join(directory, 'one'))
    await locked(join(directory, 'two'))
  })

  it('is the same directory by any other name', async () => {
    await mkdir(join(directory, 'sub'))
    await locked()
    await expect(lockDirectory(join(directory, 'sub', '..'), options)).rejects.toThrow(DirectoryInUseError)
  })

  it('is held by a live process, also by one that is stopped, and falls free when that is killed', async () => {
    const child = await holder()
    await expect(lockDirectory(directory, options)).rejects.toThrow(`process ${child.pid} `)
    child.kill('SIGSTOP')
    await expect(lockDirectory(directory, options)).rejects.toThrow(DirectoryInUseError)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await locked()
  })

  it('does not keep a process alive', async () => {
    const { child, said, go } = starter()
    await said()
    go()
    expect(await said()).toBe('locked')
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
    await locked()
  })

  it('lets exactly one of many in when they start together over a dead owner, round after round', async () => {
    const starters = Array.from({ length: 4 }, () => starter())
    for (const { said } of starters) expect(await said()).toBe('ready')
    const waiting = [...starters]
    while (waiting.length > 0) {
      for (const { go } of waiting) go()
      const answers = await Promise.all(waiting.map(({ said }) => said()))
      expect(answers.toSorted()).toEqual(['locked', ...waiting.slice(1).map(() => 'DirectoryInUseError')].toSorted())
      const winner = waiting.splice(answers.indexOf('locked'), 1)[0]
      winner?.child.kill('SIGKILL')
      if (winner !== undefined) await once(winner.child, 'exit')
    }
  })

  it('lets exactly one of many in within one process, over and over', async () => {
    for (let round = 0; round < 20; round++) {
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(directory, options)))
      const winners = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(winners.length).toBe(1)
      await winners[0]?.release()
    }
  })

  it('works in a directory whose path is longer than a socket’s address', async () => {
    const deep = join(directory, 'a'.repeat(80), 'b'.repeat(80))
    const lock = await locked(deep)
    await expect(lockDirectory(deep, options)).rejects.toThrow(`process ${process.pid} `)
    await lock.release()
    const child = await holder(deep)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await locked(deep)
  })

  it('clears away the socket of a starter that was killed halfway', async () => {
    await mkdir(join(directory, 'lock'))
    const program = `require('net').createServer().listen(${JSON.stringify(join(directory, 'lock', 'new-half'))},
      () => console.log('listening'))`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readdir(join(directory, 'lock'))).toEqual(['new-half'])
    await locked()
    expect(await readdir(join(directory, 'lock'))).toEqual(['1'])
  })
})
