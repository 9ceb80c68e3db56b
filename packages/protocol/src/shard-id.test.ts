import { describe, expect, it } from 'vitest'
import { parseShardId, shardIdOf } from './shard-id.ts'

describe('shardIdOf', () => {
  it.each([
    [0, 'shardId-000000000000'],
    [17, 'shardId-000000000017'],
    [2 ** 31 - 1, 'shardId-002147483647'],
    [-2_147_483_648, 'shardId--02147483648'],
  ])('prints %d as %s', (shard, id) => {
    expect(shardIdOf(shard)).toBe(id)
  })
})

describe('parseShardId', () => {
  it.each([
    ['shardId-000000000000', 0],
    ['shardId-0', 0],
    ['foo-0', 0],
    ['-0', 0],
    ['0', 0],
    ['shardId-2147483647', 2 ** 31 - 1],
    ['00000000000000000000000012', 12],
  ])('reads %s leniently', (id, shard) => {
    expect(parseShardId(id)).toBe(shard)
  })

  it.each(['ABC', '2.14E4', '2147483648', 'shardId-', '', 'a-b-1', 'shardId--1', '٣'])('refuses %j', (id) => {
    expect(parseShardId(id)).toBeUndefined()
  })
})
