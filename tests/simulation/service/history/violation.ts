/** What a history may not contain, in a sentence that names what and where. */
export class Violation extends Error {
  override readonly name = 'Violation'
  /** Of which invariant of the service: I1 … I8, or what else was promised. */
  readonly invariant: string

  constructor(invariant: string, sentence: string) {
    super(`${invariant}: ${sentence}`)
    this.invariant = invariant
  }
}

/** Sequence numbers without what all of one history share, for people. */
export function shortNumber(sequenceNumber: string): string {
  return `…${sequenceNumber.slice(-32)}`
}
