/** The table of docs/reference/faults.md, as far as it is about calls of the disk: what may become of a fault, and where. */
import type { CallPlace } from './call-sites.ts'
import type { Sign } from './fault-history.ts'
import type { Cell } from './fault-plan.ts'

/** What a fault came to. */
type Outcome = Sign | 'nothing' | `${Sign} + stops` | `${'' | 'prepares again + '}stops + upkeep ends`

interface FaultRow {
  /** The first column of the table. */
  readonly name: string
  /** Matches the names of its places; the first row that does is theirs. */
  readonly places: RegExp
  /** One of these it comes to, and to nothing else. */
  readonly outcomes: readonly Outcome[]
  /** What may be added when it lasts, or another one hits while it is dealt with. */
  readonly lasting?: readonly Sign[]
}

const ROWS: readonly FaultRow[] = [
  { name: 'closing a file', places: / close$/, outcomes: ['nothing'] },
  {
    name: 'write or sync of a commit',
    places: /^commit-loop\.ts #write /,
    outcomes: ['stops', 'refuses to start + stops', 'closes without + stops', 'stops + upkeep ends'],
  },
  {
    name: 'preparing a segment (create, zero, sync of a spare)',
    places: /^segment-store\.ts #(makeNext|makeSpare) /,
    // A call fails that needs the segment before it is tried again.
    outcomes: ['prepares again', 'call fails', 'refuses to start'],
  },
  {
    name: 'zeroing ahead in the active segment, or in the next one: write',
    places: /^segment-store\.ts #zero write$/,
    outcomes: ['prepares again'],
  },
  {
    name: 'zeroing ahead in the active segment: sync',
    places: /^segment-store\.ts #zero sync$/,
    outcomes: ['prepares again + stops', 'prepares again + stops + upkeep ends'],
  },
  {
    name: 'index file, snapshot, giving back a segment',
    places:
      /^(index-file\.ts write(IndexFile|Pages)|snapshots\.ts (write|#removeTemporary)|upkeep\.ts #removeFiles|segment-store\.ts (recycle|#keepOrRemove|#moveToSpares)) /,
    outcomes: ['upkeep again', 'closes without', 'refuses to start'],
  },
  {
    name: 'removing what an error left half done',
    places: /^scraps\.ts /,
    outcomes: ['prepares again', 'upkeep again', 'refuses to start'],
  },
  {
    name: 'regrouping: reading a full segment',
    places: /^grouped-writer\.ts #read read$/,
    outcomes: ['damage'],
  },
  {
    name: 'regrouping: writing a new one',
    places: /^(grouped-writer|regrouper)\.ts /,
    outcomes: ['upkeep again'],
  },
  {
    name: 'reading records',
    places: /^reader\.ts /,
    outcomes: ['nothing'],
    // The drive refuses the pages of it too.
    lasting: ['damage'],
  },
  {
    name: 'opening a segment or an index to read in it',
    places: /^open-files\.ts /,
    outcomes: ['call fails', 'damage', 'upkeep again', 'nothing'],
  },
  {
    name: 'reading an index page',
    places: /^page-cache\.ts /,
    outcomes: ['nothing', 'damage'],
    lasting: ['upkeep again', 'call fails'],
  },
  {
    name: 'reading a segment, an index or a snapshot while the log opens',
    places:
      /^(commit-reader\.ts #read|snapshots\.ts readWhole|index-file\.ts (loadIndexFile|readPage)|recovery\/(segment-files\.ts #readHeader|replay\.ts #payload)|refused-read\.ts readPiece) read$/,
    outcomes: ['nothing'],
    lasting: ['damage', 'upkeep again', 'call fails'],
  },
  {
    name: 'opening the directory (list, open, size, create, rename, sync)',
    places:
      /^recovery\/|^(commit-reader\.ts|snapshots\.ts (loadSnapshots|readWhole)|index-file\.ts (loadIndexFile|readPage)|segment-store\.ts (open|#blank|#sizeOf)) /,
    outcomes: ['refuses to start', 'upkeep again'],
  },
]

export function rowOf({ name }: CallPlace): FaultRow | undefined {
  return ROWS.find(({ places }) => places.test(name))
}

/**
 * Why `signs` are not what the rows of `places` allow, where the faults of a cell hit; `undefined`: they are. One fault
 * comes to one of its outcomes; what lasts, and two at once, to some of those of all their rows.
 */
export function whyNotAllowed(
  places: readonly CallPlace[],
  { lasts, second }: Cell,
  signs: ReadonlySet<Sign>,
): string | undefined {
  const rows = places.flatMap((place) => rowOf(place) ?? [])
  // A place that only failures lead to, and that no row names.
  if (rows.length < places.length) return undefined
  const isOne = lasts === 'once' && second === undefined
  const outcomes = rows.flatMap((row) => (isOne ? row.outcomes : [...row.outcomes, ...(row.lasting ?? [])]))
  const said = signs.size === 0 ? ['nothing'] : [...signs].sort()
  const allowed = new Set<string>(outcomes.flatMap((outcome) => outcome.split(' + ')))
  const isAllowed = isOne
    ? outcomes.some((outcome) => outcome === said.join(' + '))
    : said.every((sign) => allowed.has(sign))
  return isAllowed ? undefined : `${rows.map(({ name }) => name).join('; ')}: ${[...new Set(outcomes)].join(', ')}`
}

export const ROW_NAMES: readonly string[] = ROWS.map(({ name }) => name)

/** Places to which no history of this suite leads, and why. */
export const UNREACHED: ReadonlyMap<string, string> = new Map([
  ['commit-loop.ts #write write', 'only without fsync (`os`)'],
  ['segment-store.ts syncAll sync', 'only without fsync (`os`)'],
  ['segment-store.ts syncRetired sync', 'only without fsync (`os`)'],
  ['index-file.ts writeIndexFile remove', 'only after a failure'],
  ['scraps.ts remove exists', 'only after a failure: two at once, log.test.ts'],
  ['scraps.ts remove remove', 'only after a failure: two at once, log.test.ts'],
  ['index-file.ts readPage read', 'only with damage, or some 32,000 ledgers'],
  ['log.ts #walkAgain size', 'only after a failure: upkeep.test.ts'],
  ['refused-read.ts readPiece read', 'only after a failure: recovery/refused-reads.test.ts'],
  ['recovery/grouped-loader.ts #walk open', 'only after a failure: regrouper.test.ts'],
  ['recovery/grouped-loader.ts #walk close', 'only after a failure: regrouper.test.ts'],
  ['recovery/segment-loader.ts walkAgain open', 'only after a failure: rot.test.ts'],
  ['recovery/segment-loader.ts walkAgain size', 'only after a failure: rot.test.ts'],
  ['recovery/segment-loader.ts walkAgain close', 'only after a failure: rot.test.ts'],
  ['recovery/change-holes.ts walkedAgain open', 'only with damage: rot-killed.test.ts'],
  ['recovery/change-holes.ts firstHeader open', 'only with damage: rot-killed.test.ts'],
  ['recovery/change-holes.ts walkedAgain size', 'only with damage: rot-killed.test.ts'],
  ['recovery/change-holes.ts firstHeader size', 'only with damage: rot-killed.test.ts'],
  ['recovery/change-holes.ts walkedAgain close', 'only with damage: rot-killed.test.ts'],
  ['recovery/change-holes.ts firstHeader close', 'only with damage: rot-killed.test.ts'],
  ['recovery/segment-loader.ts #ownLink open', 'only with a rotten header: unlinked-segment.test.ts'],
  ['recovery/segment-loader.ts #ownLink size', 'only with a rotten header: unlinked-segment.test.ts'],
  ['recovery/segment-loader.ts #ownLink close', 'only with a rotten header: unlinked-segment.test.ts'],
])
