import { describe, expect, it } from 'vitest'
import { normalizeArguments } from './arguments.ts'

describe('normalizeArguments', () => {
  it.each([
    [[], ['start']],
    [
      ['--port', '0'],
      ['start', '--port', '0'],
    ],
    [['--help'], ['--help']],
    [['help'], ['--help']],
    [
      ['help', 'shard', 'split'],
      ['shard', 'split', '--help'],
    ],
    [['stream'], ['stream', 'list']],
    [
      ['stream', '--json=lines'],
      ['stream', 'list', '--json-lines'],
    ],
    [
      ['shard', '--help'],
      ['shard', '--help'],
    ],
    [
      ['shard', 'ls', 'orders'],
      ['shard', 'ls', 'orders'],
    ],
    [
      ['put', 'orders', '--', '--json=lines'],
      ['put', 'orders', '--', '--json=lines'],
    ],
    [['strem'], ['strem']],
  ])('reads %j as %j', (words, meant) => {
    expect(normalizeArguments(words)).toEqual(meant)
  })
})
