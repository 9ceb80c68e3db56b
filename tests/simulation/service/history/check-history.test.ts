/**
 * The checker itself: a good history passes, and each of these bad ones, made by hand from it, is refused in a sentence
 * that names what and where.
 */
import { encodeSequenceNumber, endingSequenceNumber, HASH_KEY_MAX, startingSequenceNumber } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { checkHistory } from './check-history.ts'
import type { HistoryEvent, Origin, PutOutcome, SeenRecord, SeenShard, StampedEvent } from './events.ts'

const HOUR_MS = 3_600_000
const START_S = 1_700_000_000
const START_MS = START_S * 1000
const MIDDLE = 1n << 127n
/** As `calledAt`: becomes the moment of the event itself. */
const NOW = -1

/** Shard 0 is split into 1 and 2, born ten seconds later. */
const births = [START_S, START_S + 10, START_S + 10]
const id = (shard: number): string => `shardId-00000000000${shard}`
const starting = (shard: number): string => startingSequenceNumber({ birthS: births[shard] ?? 0, shard })

function number(shard: number, commit: number, index = 0): string {
  const birthS = births[shard] ?? 0
  return encodeSequenceNumber({ birthS, shard, commit, index, timeS: Math.max(birthS, START_S + commit) })
}

const stored = (shard: number, commit: number, index = 0): PutOutcome => {
  return { shardId: id(shard), sequenceNumber: number(shard, commit, index) }
}

const record = (shard: number, commit: number, data: string, key = 'k'): SeenRecord => {
  return { sequenceNumber: number(shard, commit), key, data, timeMs: START_MS + commit * 1000 }
}

const root: SeenShard = {
  shardId: id(0),
  starting: starting(0),
  ending: undefined,
  firstHash: 0n,
  lastHash: HASH_KEY_MAX,
  parents: [],
}
const closed: SeenShard = { ...root, ending: endingSequenceNumber({ birthS: START_S, shard: 0 }, START_S + 9) }
const lower: SeenShard = { ...root, shardId: id(1), starting: starting(1), lastHash: MIDDLE - 1n, parents: [id(0)] }
const upper: SeenShard = { ...root, shardId: id(2), starting: starting(2), firstHash: MIDDLE, parents: [id(0)] }

let request = 0

function put(data: string, ...outcomes: readonly PutOutcome[]): readonly HistoryEvent[] {
  request++
  const entries = outcomes.map((_, i) => ({ key: 'k', hash: 7n, data: i === 0 ? data : `${data}+${i}` }))
  return [
    { kind: 'put', stream: 's', request, entries },
    { kind: 'put-answer', request, outcomes },
  ]
}

function page(
  shard: number,
  records: readonly SeenRecord[],
  more: {
    readonly origin?: Origin
    readonly after?: string
    readonly behindMs?: number
    readonly children?: string[]
  } = {},
): HistoryEvent {
  const { origin = { type: 'TRIM_HORIZON' }, after, behindMs = 0, children } = more
  return {
    kind: 'page',
    stream: 's',
    shard: starting(shard),
    calledAt: NOW,
    origin,
    after,
    records,
    behindMs,
    children,
  }
}

function list(shards: readonly SeenShard[], isQuiet = true): HistoryEvent {
  return { kind: 'shards', stream: 's', calledAt: NOW, shards, isFresh: true, isQuiet }
}

const whole: HistoryEvent = { kind: 'whole', stream: 's', calledAt: NOW, state: 'read' }
const created: readonly HistoryEvent[] = [
  { kind: 'create', stream: 's', call: 1 },
  { kind: 'answer', call: 1, outcome: 'done' },
]

interface Steps {
  /** Hours after the start, for events from this one on. */
  readonly later?: { readonly from: number; readonly hours: number }
  /** `calledAt` of the last events is the moment of the first of them. */
  readonly together?: number
}

function check(events: readonly HistoryEvent[], { later, together = 1 }: Steps = {}): void {
  const stamped = events.map((event, at): StampedEvent => {
    const calledAt = at >= events.length - together ? events.length - together : at
    const hours = later !== undefined && at >= later.from ? later.hours : 0
    const nowMs = START_MS + 20_000 + hours * HOUR_MS
    const timed = { ...event, time: { earliestMs: nowMs, latestMs: nowMs } }
    return 'calledAt' in timed ? { ...timed, calledAt } : timed
  })
  checkHistory(stamped)
}

describe('the history checker', () => {
  it('lets pass what a right service shows', () => {
    const events = [
      ...created,
      ...put('a', stored(0, 1), stored(0, 1, 1)),
      ...put('lost', 'unknown'),
      ...put('b', stored(0, 3)),
      list([root]),
      ...put('c', stored(1, 12)),
      ...put('no', 'refused'),
      page(0, [record(0, 1, 'a')], { behindMs: 5 }),
      list([closed, lower, upper]),
      page(0, [record(0, 1, 'a'), { ...record(0, 1, 'a+1'), sequenceNumber: number(0, 1, 1) }], { behindMs: 3 }),
      page(0, [record(0, 2, 'lost'), record(0, 3, 'b')], { after: number(0, 1, 1), children: [id(1), id(2)] }),
      page(1, [record(1, 12, 'c')]),
      page(2, []),
      whole,
    ]
    check(events, { together: 6 })
  })

  const twoPuts = [...created, ...put('a', stored(0, 1)), ...put('b', stored(0, 2))]
  const both = [record(0, 1, 'a'), record(0, 2, 'b')]

  const refused: readonly (readonly [string, RegExp, readonly HistoryEvent[], Steps?])[] = [
    [
      'an acknowledged record that is gone',
      /I5: .*came to the tip without b at/,
      [...twoPuts, page(0, [record(0, 1, 'a')])],
    ],
    ['a gap', /I5: .*got past .* without a at/, [...twoPuts, page(0, [record(0, 2, 'b')], { behindMs: 1 })]],
    [
      'a gap between pages',
      /I5: .*without b at/,
      [...twoPuts, ...put('c', stored(0, 3)), page(0, [record(0, 3, 'c')], { after: number(0, 1), behindMs: 1 })],
    ],
    ['a record twice', /I5: .*was given .* after/, [...twoPuts, page(0, [...both, record(0, 2, 'b')])]],
    ['records out of order', /I5: .*was given .* after/, [...twoPuts, page(0, [record(0, 2, 'b'), record(0, 1, 'a')])]],
    [
      'a record that nobody put',
      /invention: .*"z", which nobody put/,
      [...twoPuts, page(0, [...both, record(0, 3, 'z')])],
    ],
    [
      'a record that was refused',
      /I6: .*"c", which was refused/,
      [...twoPuts, ...put('c', 'refused'), page(0, [...both, record(0, 3, 'c')])],
    ],
    [
      'a copy of what was sent once',
      /I6: .*"b", which is stored elsewhere already/,
      [...twoPuts, page(0, [...both, record(0, 3, 'b')])],
    ],
    [
      'a copy too many of what was sent twice',
      /I6: .*"c", which is stored elsewhere|I6: c was sent 2 times/,
      [
        ...twoPuts,
        ...put('c', 'unknown'),
        ...put('c', stored(0, 4)),
        page(0, [...both, record(0, 3, 'c'), record(0, 4, 'c'), record(0, 5, 'c')]),
      ],
    ],
    [
      'other bytes',
      /bytes: .*holds k "B", not k "b"|invention: .*"B"/,
      [...twoPuts, page(0, [record(0, 1, 'a'), record(0, 2, 'B')])],
    ],
    [
      'another key',
      /bytes: .*holds q "b", not k "b"/,
      [...twoPuts, page(0, [record(0, 1, 'a'), record(0, 2, 'b', 'q')])],
    ],
    ['one number given twice', /I8: .*was given to a and to c/, [...twoPuts, ...put('c', stored(0, 1))]],
    [
      'a put that stands before an earlier one',
      /I4: of key k in s, c was put after b was known/,
      [...twoPuts, ...put('c', stored(0, 1, 7))],
    ],
    [
      'a request whose records change places',
      /I4: .*c\+1 comes before c, which stood before it/,
      [...twoPuts, ...put('c', stored(0, 4), stored(0, 3))],
    ],
    [
      'a put into a shard that was seen closed',
      /I1: c at .*was put after the shard was seen closed/,
      [...twoPuts, list([closed, lower, upper]), ...put('c', stored(0, 3))],
    ],
    [
      'a shard that opens again',
      /I1: shardId-000000000000 of s was closed and is open again/,
      [...twoPuts, list([closed, lower, upper]), list([root])],
    ],
    [
      'a child beside its open parent',
      /I3: .*shardId-000000000001 of s, child of .* while its parent is open/,
      [...created, list([root, lower, upper], false)],
    ],
    [
      'a child born no later than its parent ended',
      /I8: .*begins at .*not above its parent's end/,
      [
        ...created,
        list([
          { ...closed, ending: endingSequenceNumber({ birthS: START_S + 11, shard: 0 }, START_S + 11) },
          lower,
          upper,
        ]),
      ],
    ],
    [
      'keys that no open shard has',
      /I3: the open shards of s leave out keys from/,
      [...created, list([closed, lower])],
    ],
    [
      'keys that two open shards have',
      /I3: the open shards of s share keys at/,
      [...created, list([closed, lower, { ...upper, firstHash: 0n }])],
    ],
    [
      'a shard in which a key does not belong',
      /routing: a at .*has hash 7, which is not the shard's/,
      [...created, ...put('a', stored(2, 12)), list([closed, lower, upper])],
    ],
    [
      'an end without what came before',
      /I5: .*came to the end without b at/,
      [...twoPuts, page(0, [record(0, 1, 'a')], { children: [id(1), id(2)] })],
    ],
    [
      'an end that leads to the wrong children',
      /I5: at the end of shardId-000000000000 of s .*not shardId-000000000001/,
      [...twoPuts, list([closed, lower, upper]), page(0, both, { children: [id(1)] })],
    ],
    [
      'LATEST that shows what was there',
      /origins: .*from LATEST was given .*b, which lies before/,
      [...twoPuts, page(0, [record(0, 2, 'b')], { origin: { type: 'LATEST', calledAt: 6, answeredAt: 7 } })],
    ],
    [
      'LATEST that skips what came after',
      /I5: .*from LATEST came to the tip without b/,
      [...twoPuts, page(0, [], { origin: { type: 'LATEST', calledAt: 3, answeredAt: 4 } })],
    ],
    [
      'AT_SEQUENCE_NUMBER that begins too late',
      /I5: .*AT_SEQUENCE_NUMBER .*without a at/,
      [
        ...twoPuts,
        page(0, [record(0, 2, 'b')], { origin: { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: number(0, 1) } }),
      ],
    ],
    [
      'AFTER_SEQUENCE_NUMBER that begins too early',
      /origins: .*AFTER_SEQUENCE_NUMBER .*a, which lies before/,
      [...twoPuts, page(0, both, { origin: { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: number(0, 1) } })],
    ],
    [
      'AT_TIMESTAMP that begins too early',
      /origins: .*AT_TIMESTAMP .*a, which lies before/,
      [...twoPuts, page(0, both, { origin: { type: 'AT_TIMESTAMP', timestampMs: START_MS + 2_000 } })],
    ],
    [
      'AT_TIMESTAMP that begins too late',
      /I5: .*AT_TIMESTAMP .*without a at/,
      [
        ...twoPuts,
        page(0, both),
        page(0, [record(0, 2, 'b')], { origin: { type: 'AT_TIMESTAMP', timestampMs: START_MS + 1_000 } }),
      ],
    ],
    [
      'arrival times that fall',
      /times: b at .*arrived at .*after one of/,
      [...twoPuts, page(0, [record(0, 1, 'a'), { ...record(0, 2, 'b'), timeMs: START_MS - 1 }])],
    ],
    [
      'an arrival time that changes',
      /times: .*arrived at .*and later at/,
      [...twoPuts, page(0, both), page(0, [record(0, 1, 'a'), { ...record(0, 2, 'b'), timeMs: START_MS + 2_001 }])],
    ],
    [
      'an expired record that is shown',
      /I7: .*was given .*which expired at/,
      [...twoPuts, page(0, both)],
      { later: { from: 6, hours: 25 } },
    ],
    [
      'a whole stream without a shard',
      /I7: a at .*is in no shard that is listed/,
      [...twoPuts, list([lower, upper]), page(1, []), page(2, []), whole],
      { together: 4 },
    ],
    [
      'a shard that leaves the list with what is in it',
      /I7: shardId-000000000000 of s is no longer listed, and its records/,
      [...created, list([closed, lower, upper]), list([lower, upper])],
    ],
    [
      'a lag with nothing behind it',
      /tips: .*told that it is 9 ms behind, and nothing comes after/,
      [...twoPuts, list([root]), page(0, both, { behindMs: 9 }), page(0, both), whole],
      { together: 4 },
    ],
    [
      'an iterator that outlives itself',
      /iterators: .*taken at the age of 300001 ms/,
      [{ kind: 'iterator', ageMinMs: 300_001, ageMaxMs: 300_002, answer: 'taken', isForged: false }],
    ],
    [
      'an iterator that dies young',
      /iterators: .*expired at the age of 299999 ms/,
      [{ kind: 'iterator', ageMinMs: 299_998, ageMaxMs: 299_999, answer: 'expired', isForged: false }],
    ],
    [
      'a forged iterator that is taken',
      /iterators: a forged iterator was not refused but taken/,
      [{ kind: 'iterator', ageMinMs: 1, ageMaxMs: 1, answer: 'taken', isForged: true }],
    ],
    [
      'a filter that leaves out a shard',
      /lists: .*by AT_LATEST has shardId-000000000001, not/,
      [{ kind: 'filtered', stream: 's', filter: 'AT_LATEST', shardIds: [id(1)], expected: [id(1), id(2)] }],
    ],
    ['an answer that nobody may give', /answers: PutRecord failed/, [{ kind: 'complaint', what: 'PutRecord failed' }]],
  ]

  it.each(refused.map(([what, ...rest]) => ({ what, rest })))(
    'refuses $what',
    ({ rest: [sentence, events, steps] }) => {
      expect(() => check(events, steps)).toThrow(sentence)
    },
  )

  it('lets retention take what has expired, and deletion all', () => {
    check([...twoPuts, page(0, [])], { later: { from: 6, hours: 25 } })
    check([
      ...twoPuts,
      { kind: 'delete', stream: 's', call: 9 },
      { kind: 'answer', call: 9, outcome: 'done' },
      { kind: 'whole', stream: 's', calledAt: NOW, state: 'absent' },
    ])
  })
})
