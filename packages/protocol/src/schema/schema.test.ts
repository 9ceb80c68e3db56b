import { describe, expectTypeOf, it } from 'vitest'
import type { PutRecordsInput } from '../operations/put-records.ts'
import type { SplitShardOutput } from '../operations/split-shard.ts'
import type { InputOf, OutputOf } from '../operation.ts'
import type { DescribeStream } from '../operations/describe-stream.ts'
import type { SplitShard } from '../operations/split-shard.ts'
import type { Infer } from './schema.ts'
import { blob, enumeration, integer, list, map, required, string, structure } from './schema.ts'

describe('the types of a schema', () => {
  it('follow from its words', () => {
    const Sample = structure('Sample', {
      Name: required(string()),
      Colour: enumeration('RED', 'BLUE'),
      Data: blob(),
      Tags: required(map(string(), integer())),
      Inner: list(structure('Inner', { Deep: required(list(string())) })),
    })
    expectTypeOf<Infer<typeof Sample>>().toEqualTypeOf<{
      readonly Name: string
      readonly Tags: Readonly<Record<string, number>>
      readonly Colour?: 'RED' | 'BLUE' | undefined
      readonly Data?: Uint8Array | undefined
      readonly Inner?: readonly { readonly Deep: readonly string[] }[] | undefined
    }>()
  })

  it('are those of the operations', () => {
    expectTypeOf<PutRecordsInput['Records'][number]>().toEqualTypeOf<{
      readonly Data: Uint8Array
      readonly PartitionKey?: string | undefined
      readonly ExplicitHashKey?: string | undefined
    }>()
    expectTypeOf<InputOf<typeof SplitShard>['ShardToSplit']>().toEqualTypeOf<string>()
    expectTypeOf<SplitShardOutput>().toBeVoid()
    expectTypeOf<OutputOf<typeof DescribeStream>['StreamDescription']['StreamStatus']>().toEqualTypeOf<
      'CREATING' | 'DELETING' | 'ACTIVE' | 'UPDATING'
    >()
  })
})
