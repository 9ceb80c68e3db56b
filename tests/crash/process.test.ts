/** The command as a process among others: signals, pipes, limits of the system, and the codes it ends with. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  commandPath,
  finished,
  repositoryRoot,
  runCommand,
  startCommand,
  startLocalCommand,
  userEnvironment,
} from './support/command.ts'
import { ServerProcess } from './support/server-process.ts'

/** Lines to put; enough to be in the middle for a while. */
const MANY_LINES = 150_000

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-process-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('a server', () => {
  it('that can store nothing more answers so, and ends with 70 and the next step', async () => {
    if (!canLimitFiles()) {
      process.stderr.write('not shown here: exit 70 (it needs prlimit of util-linux, to make a disk fail)\n')
      return
    }
    const server = await ServerProcess.start(folder)
    try {
      await runCommand(server.endpoint, 'stream', 'create', 'orders')
      expect((await runCommand(server.endpoint, 'put', 'orders', 'kept')).code).toBe(0)
      // From now on the kernel refuses to write beyond the first byte of any file.
      execFileSync('prlimit', ['--pid', String(server.pid), '--fsize=1'])
      const putting = startCommand(server.endpoint, 'put', 'orders', 'lost?')
      const put = finished(putting)
      expect(await server.ended()).toBe(70)
      // It waits for a server that went away, until its deadline.
      putting.kill('SIGKILL')
      expect((await put).code).not.toBe(0)
      expect(server.output).toContain('nothing more can be stored')
      expect(server.output).toContain('start again')
      await server.start()
      expect((await runCommand(server.endpoint, 'get', 'orders')).stdout).toContain('kept')
    } finally {
      await server.kill()
    }
  })

  it('told to stop while it starts ends cleanly, and the next one starts', async () => {
    const child = startLocalCommand('start', '--port', '0', '--data-dir', folder, '--log-format', 'json')
    const done = finished(child)
    await appearance(join(folder, 'lock'), () => readdir(folder).then((names) => names.length > 0))
    child.kill('SIGTERM')
    expect((await done).code).toBe(0)
    expect(await readdir(folder)).not.toContain('endpoint')
    const server = await ServerProcess.start(folder)
    expect(await server.kill('SIGTERM')).toBe(0)
    expect((await finished(startLocalCommand('check', folder))).code).toBe(0)
  })

  it('run by npm ends when npm is told to', async () => {
    if (process.platform === 'win32') {
      process.stderr.write('not shown here: npm start told to stop (Windows has no SIGTERM)\n')
      return
    }
    const child = spawn('npm', ['start', '--silent', '--', '--port', '0', '--data-dir', folder], {
      cwd: repositoryRoot,
      env: userEnvironment(),
      stdio: 'ignore',
    })
    const exited = once(child, 'exit')
    const endpointFile = join(folder, 'endpoint')
    await appearance(endpointFile, () => readdir(folder).then((names) => names.includes('endpoint')))
    child.kill('SIGTERM')
    await exited
    // The server takes its endpoint away when it has stopped cleanly.
    await appearance('the end of the server', () => readdir(folder).then((names) => !names.includes('endpoint')))
    expect((await finished(startLocalCommand('check', folder))).code).toBe(0)
  })

  it('that cannot listen says so, and not of its directory', async () => {
    const start = await finished(startLocalCommand('start', '--host', 'nowhere.invalid', '--data-dir', ':memory:'))
    expect(start).toMatchObject({ code: 1, stderr: expect.stringMatching(/^millrace: Cannot listen on port 4567/m) })
    expect(start.stderr).not.toContain('--data-dir')
  })

  it('takes a flag before the environment before the file before the default', async () => {
    const data = join(folder, 'data')
    await writeFile(
      join(folder, 'millrace.yaml'),
      `port: 1\nregion: eu-west-1\naccount: "111111111111"\ndata-dir: ${data}\n`,
    )
    const env = { ...userEnvironment(), MILLRACE_PORT: '2', AWS_REGION: 'eu-west-2', MILLRACE_PROT: '3' }
    const child = spawn(process.execPath, [commandPath, 'start', '--port', '0', '--create-streams', 'orders'], {
      cwd: folder,
      env,
    })
    const done = finished(child)
    const output: string[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()))
    const serving = (): string | undefined => /"endpoint":"([^"]+)"/.exec(output.join(''))?.[1]
    await appearance('the endpoint', () => Promise.resolve(serving() !== undefined))
    const { stdout } = await runCommand(
      serving() ?? '',
      'stream',
      'describe',
      'orders',
      '--region',
      'eu-west-2',
      '--json',
    )
    expect(stdout).toContain('arn:aws:kinesis:eu-west-2:111111111111:stream/orders')
    child.kill('SIGTERM')
    expect(await done).toMatchObject({ code: 0, stdout: expect.stringContaining('did you mean MILLRACE_PORT?') })
  })
})

describe('a command', () => {
  let server: ServerProcess
  beforeEach(async () => {
    server = await ServerProcess.start(join(folder, 'data'))
    await runCommand(server.endpoint, 'stream', 'create', 'orders')
  })
  afterEach(async () => {
    await server.kill()
  })

  it('put, interrupted, stores what it read and says how to go on', async () => {
    const lines = Array.from({ length: MANY_LINES }, (_, n) => `line ${n}`)
    const child = startCommand(server.endpoint, 'put', 'orders', '--key-line')
    let sent = false
    child.stderr.once('data', () => (sent = true))
    const done = finished(child, lines.join('\n'))
    await appearance('the first records', async () => {
      if (sent) return true
      return (await runCommand(server.endpoint, 'get', 'orders', '--limit', '1')).stdout !== ''
    })
    child.kill('SIGINT')
    const { code, stderr } = await done
    expect(code).toBe(130)
    // Nothing is said to be skipped when it was interrupted before the first.
    const [, skip = '0'] = /--skip (\d+)/.exec(stderr) ?? []
    const rest = finished(
      startCommand(server.endpoint, 'put', 'orders', '--key-line', '--skip', skip),
      lines.join('\n'),
    )
    expect((await rest).code).toBe(0)
    const { stdout } = await runCommand(server.endpoint, 'get', 'orders')
    expect(new Set(stdout.match(/line \d+/g)).size).toBe(MANY_LINES)
  })

  it('put of a wrong line behind good ones is partly done', async () => {
    const input = '{"id":1}\n{"id":2}\n{"no":3}\n'
    const put = await finished(startCommand(server.endpoint, 'put', 'orders', '--key-path', 'id'), input)
    expect(put).toMatchObject({ code: 6, stderr: expect.stringContaining('--skip 2') })
  })

  it('put of a record that the service refuses behind good ones is partly done', async () => {
    const put = await finished(
      startCommand(server.endpoint, 'put', 'orders', '--key', 'k'),
      `good\n${'x'.repeat(2 ** 20 + 1)}\n`,
    )
    expect(put).toMatchObject({ code: 6, stderr: expect.stringContaining('--skip 1') })
  })

  it('stream create and stream mode speak of on-demand streams', async () => {
    const created = await finished(
      startCommand(server.endpoint, 'stream', 'create', 'demanded', '--on-demand', '--json'),
    )
    expect(JSON.parse(created.stdout)).toEqual({ name: 'demanded', created: true, status: 'ACTIVE' })
    const mode = await finished(startCommand(server.endpoint, 'stream', 'mode', 'demanded', 'provisioned', '--json'))
    expect(JSON.parse(mode.stdout)).toEqual({
      name: 'demanded',
      before: 'ON_DEMAND',
      mode: 'PROVISIONED',
      status: 'ACTIVE',
    })
  })

  it('stream scale waits until the shards are there, and says what it did', async () => {
    await runCommand(server.endpoint, 'stream', 'create', 'scaled', '--shards', '3')
    const scale = await finished(startCommand(server.endpoint, 'stream', 'scale', 'scaled', '5', '--json'))
    expect(scale.code).toBe(0)
    expect(JSON.parse(scale.stdout)).toEqual({ name: 'scaled', before: 3, shards: 5, status: 'ACTIVE' })
    const refused = await finished(startCommand(server.endpoint, 'stream', 'scale', 'scaled', '11'))
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('over double your current open shard') })
  })

  it('consumer registers, lists and deregisters; tail --fan-out is pushed the records, and leaves nothing behind', async () => {
    await runCommand(server.endpoint, 'stream', 'create', 'pushed', '--shards', '2')
    const registered = await finished(
      startCommand(server.endpoint, 'consumer', 'register', 'pushed', 'billing', '--json'),
    )
    expect(JSON.parse(registered.stdout)).toMatchObject({ stream: 'pushed', name: 'billing', status: 'ACTIVE' })
    for (const name of ['billing', 'temporary']) {
      const tail = startCommand(server.endpoint, 'tail', 'pushed', '--fan-out', name, '--limit', '2')
      let stderr = ''
      tail.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
      const done = finished(tail)
      await expect.poll(() => stderr, { timeout: 20_000 }).toContain('following 2 shards')
      await runCommand(server.endpoint, 'put', 'pushed', '--key', 'k', 'one')
      await runCommand(server.endpoint, 'put', 'pushed', '--key', 'k', 'two')
      expect(await done).toMatchObject({ code: 0, stdout: 'one\ntwo\n' })
      expect(stderr.includes('for the time')).toBe(name === 'temporary')
    }
    const listed = await finished(startCommand(server.endpoint, 'consumer', 'ls', 'pushed', '--json'))
    expect((JSON.parse(listed.stdout) as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual([
      'billing',
    ])
    await runCommand(server.endpoint, 'consumer', 'rm', 'pushed', 'billing')
    const again = await finished(startCommand(server.endpoint, 'consumer', 'rm', 'pushed', 'billing'))
    expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining('millrace consumer list') })
  })

  it('tail whose reader has seen enough ends with 0, and leaves no consumer behind', async () => {
    await runCommand(server.endpoint, 'put', 'orders', 'one')
    const tail = startCommand(server.endpoint, 'tail', 'orders', '--from', 'trim-horizon', '--fan-out', 'temporary')
    const done = finished(tail)
    await once(tail.stdout, 'data')
    tail.stdout.destroy()
    await runCommand(server.endpoint, 'put', 'orders', 'two')
    expect((await done).code).toBe(0)
    const listed = await finished(startCommand(server.endpoint, 'consumer', 'ls', 'orders', '--json'))
    expect(JSON.parse(listed.stdout)).toMatchObject({ items: [] })
  })

  it('stream update and stream tag say how it is then', async () => {
    await runCommand(server.endpoint, 'stream', 'create', 'changed')
    const json = async (...words: readonly string[]): Promise<unknown> =>
      JSON.parse((await finished(startCommand(server.endpoint, 'stream', ...words, '--json'))).stdout)
    const update = ['update', 'changed', '--retention', '7d', '--max-record-size', '4MiB']
    expect(await json(...update)).toEqual({ name: 'changed', retentionHours: 168, recordSizeKiBMax: 4096 })
    expect(await json('tag', 'changed', 'b=2', 'a=x=y')).toEqual({
      items: [
        { key: 'a', value: 'x=y' },
        { key: 'b', value: '2' },
      ],
    })
    expect(await json('tag', 'changed', '--remove', 'a')).toEqual({ items: [{ key: 'b', value: '2' }] })
  })

  it('stream encrypt turns encryption on and off, and says how it is then', async () => {
    await runCommand(server.endpoint, 'stream', 'create', 'sealed')
    const encrypt = (...words: readonly string[]) =>
      finished(startCommand(server.endpoint, 'stream', 'encrypt', 'sealed', '--json', ...words))
    const on = await encrypt()
    expect(JSON.parse(on.stdout)).toEqual({
      name: 'sealed',
      encryption: 'KMS',
      keyId: 'alias/aws/kinesis',
      status: 'ACTIVE',
    })
    const off = await encrypt('--off')
    expect(JSON.parse(off.stdout)).toEqual({ name: 'sealed', encryption: 'NONE', status: 'ACTIVE' })
    const refused = await encrypt('--key-id', 'alias/nobody')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('KMSNotFoundException') })
  })

  it('put of nothing says what it looked for', async () => {
    const put = await finished(startCommand(server.endpoint, 'put', 'orders'), '')
    expect(put).toMatchObject({ code: 0, stderr: expect.stringContaining('the input held no record') })
  })

  it('whose reader goes away ends without an error', async () => {
    await finished(startCommand(server.endpoint, 'put', 'orders'), 'a line\n'.repeat(50_000))
    const child = startCommand(server.endpoint, 'get', 'orders')
    child.stdout.once('data', () => child.stdout.destroy())
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const [code] = (await once(child, 'exit')) as [number | null]
    expect({ code, lines: stderr.trimEnd().split('\n').length }, stderr).toEqual({ code: 0, lines: 1 })
  })
})

function canLimitFiles(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function appearance(what: string, isThere: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 20_000
  while (!(await isThere())) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
