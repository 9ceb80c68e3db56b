import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFinal, type ShardConsumerEvent, type ShardConsumerState, transition } from './shard-consumer-state.ts'

const ASKED: readonly ShardConsumerEvent[] = ['release', 'loss', 'failure']
const OWN: Readonly<Record<string, readonly ShardConsumerEvent[]>> = {
  starting: ['started'],
  processing: ['drained'],
  ending: ['completed'],
  releasing: ['completed', 'finished'],
  losing: ['finished'],
  failing: ['finished'],
}

describe('the life of a shard consumer', () => {
  it.each([
    [['started', 'drained', 'completed'], 'ended'],
    [['release', 'finished'], 'released'],
    [['started', 'release', 'loss', 'finished'], 'lost'],
    [['started', 'drained', 'release', 'finished'], 'released'],
    [['started', 'drained', 'release', 'completed'], 'ended'],
    [['started', 'failure', 'loss', 'release', 'finished'], 'failed'],
    [['loss', 'failure', 'finished'], 'lost'],
  ] as const)('goes by %j to %s', (events, end) => {
    expect(events.reduce<ShardConsumerState>((state, event) => transition(state, event), 'starting')).toBe(end)
  })

  it('does not process again once it was asked to stop, lost its lease or failed', () => {
    const walk = fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 20 })
    fc.assert(
      fc.property(walk, (steps) => {
        let state: ShardConsumerState = 'starting'
        let isAsked = false
        for (const [isOwn, choice] of steps) {
          const events = isOwn ? (OWN[state] ?? []) : ASKED
          const event = events[choice % Math.max(1, events.length)]
          if (event === undefined) continue
          const next = transition(state, event)
          if (isFinal(state)) expect(next).toBe(state)
          isAsked ||= !isOwn
          if (isAsked && event !== 'completed')
            expect(['starting', 'processing', 'ending', 'ended'].includes(next)).toBe(state === 'ended')
          state = next
        }
      }),
    )
  })

  it('stops a shell that tells what cannot be', () => {
    expect(() => transition('starting', 'drained')).toThrow('A shard consumer that is starting cannot meet "drained".')
    expect(() => transition('ended', 'started')).toThrow('A shard consumer that is ended cannot meet "started".')
  })
})
