import { describe, expect, it } from 'vitest'
import { nouns, verbs } from './command-table.ts'
import { exitCodes } from './exit-code.ts'
import { runProgram } from './program.ts'
import { MemoryShell } from './testing/memory-shell.ts'

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const shell = new MemoryShell()
  const code = await runProgram(words, shell)
  return { code, out: shell.out, err: shell.err }
}

describe('millrace', () => {
  it('shows every verb and every exit code in its help', async () => {
    const { code, out } = await run('--help')
    expect(code).toBe(0)
    for (const { words } of verbs) expect(out).toContain(`  ${words[0]} `)
    for (const [number, meaning] of Object.values(exitCodes))
      expect(out).toMatch(new RegExp(`${number} +${meaning[0]}`))
  })

  it.each(verbs.map((verb) => [verb.words.join(' '), verb]))('has help for %s', async (words, { alias, summary }) => {
    const { code, out, err } = await run(...words.split(' '), '--help')
    expect([code, err]).toEqual([0, ''])
    expect(out.replace(/\s+/g, ' ')).toContain(
      `Usage: millrace ${words}${alias === undefined ? '' : `|${alias}`} [options]`,
    )
    expect(out.replace(/\s+/g, ' ')).toContain(summary)
  })

  it.each(Object.entries(nouns))('tells in a line all that %s does', (noun, summary) => {
    for (const { words } of verbs) if (words[0] === noun) expect(summary).toContain(words[1])
  })

  it('has help for a verb the other way round, with all its options', async () => {
    expect((await run('help', 'put')).out).toBe((await run('put', '--help')).out)
  })

  it.each([
    [['strem'], "unknown command 'strem'", 'Did you mean stream?'],
    [['app', 'describe'], 'which application?', 'app list'],
    [['app', 'list', '--store', 'mysql://x'], '"mysql://x" is no store of leases', 'service'],
    [['app', 'reset', 'a'], 'where to?', '--to trim-horizon'],
    [['app', 'reset', 'a', '--to', 'after:5'], 'belongs to one shard', 'app seek a'],
    [['app', 'seek', 'a'], 'which shard?', '--shard'],
    [['app', 'seek', 'a', '--shard', '1'], 'where to?', 'after:'],
    [['app', 'seek', 'a', '--shard', '1', '--to', 'seq:5'], 'the last record that is done with', 'after:'],
    [['deliver'], 'millrace deliver waits for delivery pipelines', 'docs/compatibility.md'],
    [['stream', 'crate'], "unknown command 'crate'", 'Did you mean create?'],
    [['tail', '--frm', 'latest'], "unknown option '--frm'", 'Did you mean --from?'],
    [['get'], 'which stream?', '--stream'],
    [['get', 'a', 'b'], 'too many arguments', '--help'],
    [['get', 'a', '--limit', '0'], '--limit takes a whole number from 1 on', ''],
    [['get', 'a', '--from', 'yesterday'], '"yesterday" is no position', '-15m'],
    [['get', 'a', '--format', '%x'], 'no field %x', '%v'],
    [['get', 'a', '--shard', '?'], 'is no shard', 'just 3'],
    [['get', 'a', '--interval', '5'], '"5" is no duration', '500ms'],
    [['get', 'a', '--aws', '--endpoint-url', 'http://x'], 'cannot be used with', ''],
    [['get', 'a', '--endpoint-url', 'x'], 'Expected an endpoint', ''],
    [['get', 'a', '--profile', 'nobody'], 'Expected a profile nobody', ''],
    [['put', 'a', '{}', '--file', 'x'], 'exclude one another', ''],
    [['put', 'a', '--input', 'xml'], 'Allowed choices', ''],
    [['shard', 'split', 'a'], 'which shard?', 'shard list a'],
    [['shard', 'merge', 'a', '1'], 'which two shards?', ''],
    [['stream', 'delete', 'a'], 'deleting a deletes its records', '--yes'],
    [['stream', 'scale', 'a'], 'to how many shards?', 'stream scale a 8'],
    [['stream', 'scale', 'a', 'many'], 'the number of shards takes a whole number', ''],
    [['stream', 'encrypt', 'a', '--off', '--key-id', 'k'], 'cannot be used with', ''],
    [['stream', 'encrypt'], 'which stream?', '--stream'],
    [['stream', 'update', 'a'], 'what shall be updated?', '--retention'],
    [['stream', 'update', 'a', '--retention', '90m'], '--retention takes whole hours', '24h'],
    [['stream', 'update', 'a', '--max-record-size', '1000'], '--max-record-size takes whole KiB', '4MiB'],
    [['stream', 'tag', 'a', 'b'], '"b" is no tag', 'team=mill'],
    [['stream', 'mode', 'a'], 'which mode?', 'stream mode a on-demand'],
    [['stream', 'mode', 'a', 'demand'], '"demand" is no mode', 'on-demand or provisioned'],
    [['stream', 'create', 'a', '--shards', '2', '--on-demand'], "option '--on-demand' cannot be used with", ''],
    [['stream', 'create', 'a', '--shards', 'many'], '--shards takes a whole number', ''],
  ])('refuses %j as usage, with the next step', async (words, message, hint) => {
    const { code, out, err } = await run(...words)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).toContain(message)
    expect(err).toContain(hint)
  })

  it('gives errors as a document where --json is asked for', async () => {
    const { code, err } = await run('tail', 'a', '--frm', 'x', '--json')
    expect(code).toBe(2)
    expect(JSON.parse(err)).toEqual({
      error: { code: 'Usage', message: "unknown option '--frm'", hint: '(Did you mean --from?)' },
    })
  })

  it('says that nobody listens, and what to do', async () => {
    const shell = new MemoryShell({ env: { AWS_MAX_ATTEMPTS: '1' } })
    // Port 9 (discard) of the loopback: nothing of ours is there.
    expect(await runProgram(['stream', '--endpoint-url', 'http://127.0.0.1:9'], shell)).toBe(7)
    expect(shell.err).toContain('→ http://127.0.0.1:9 (--endpoint-url) region us-east-1\n')
    expect(shell.err).toContain('millrace start')
  })

  it.each([
    ['check', ['check', '/nowhere/at-all'], 'data directory'],
    ['dump', ['dump', '/nowhere/at-all'], 'data directory'],
    ['backup', ['backup', '/nowhere/backups', '/nowhere/at-all'], 'data directory'],
    ['restore', ['restore', '/nowhere/at-all', '/nowhere/data'], 'backup'],
  ])('%s says so when its directory is not there', async (_, words, what) => {
    const { code, err } = await run(...words)
    expect(code).toBe(3)
    expect(err).toContain(`expected a ${what} at /nowhere/at-all, found nothing`)
  })

  it('what is there and is not what was expected is a mistake of the command line', async () => {
    const here = import.meta.dirname
    expect(await run('check', here)).toMatchObject({ code: 2, err: expect.stringContaining('found no log in it') })
    const put = await run('put', 'a', '--file', here)
    expect(put).toMatchObject({ code: 2, err: expect.stringContaining(`cannot read ${here}: it is a directory`) })
  })

  it('says so when the file to put is not there', async () => {
    const { code, err } = await run('put', 'a', '--file', '/nowhere/at-all.json')
    expect(code).toBe(3)
    expect(err).toContain('there is no such file')
  })
})
