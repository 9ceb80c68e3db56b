/**
 * A server whose rounds of a minute begin sooner: given to it with `--import file://…/early-rounds.mjs?ms=2000`, the first of each comes after so
 * many milliseconds, those after it as always. A log is regrouped only when retention has had its first round.
 */
const EVERY_MS = 60_000
/** Rounds are set up at the start. */
const STARTED_MS = 5_000

const ms = Number(new URL(import.meta.url).searchParams.get('ms'))
if (!(ms > 0)) throw new Error(`expected ?ms= and a number of milliseconds, found ${import.meta.url}`)

const { setTimeout } = globalThis
globalThis.setTimeout = Object.assign(
  (task, delayMs, ...rest) =>
    setTimeout(task, delayMs === EVERY_MS && performance.now() < STARTED_MS ? ms : delayMs, ...rest),
  setTimeout,
)
