import { VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { REPORT_EVERY_MS, ReportPace } from './report-pace.ts'

it('reports a thing at once, then once a minute with what was held back; others meanwhile', () => {
  const clock = new VirtualClock()
  const pace = new ReportPace(clock)
  const reports: string[] = []
  const happen = (thing: string): void => pace.report(thing, (heldBack) => reports.push(`${thing} ${heldBack}`))
  for (let times = 0; times < 1_000; times++) happen('rot')
  happen('other')
  clock.advance(REPORT_EVERY_MS - 1)
  happen('rot')
  clock.advance(1)
  happen('rot')
  happen('rot')
  expect(reports).toEqual(['rot 0', 'other 0', 'rot 1000'])
})

it('remembers a bounded number of things, and forgets the one reported longest ago', () => {
  const pace = new ReportPace(new VirtualClock())
  const reports: string[] = []
  const happen = (thing: string): void => pace.report(thing, () => reports.push(thing))
  for (let n = 0; n < 1_025; n++) happen(`thing ${n}`)
  reports.length = 0
  happen('thing 1024')
  happen('thing 0')
  expect(reports).toEqual(['thing 0'])
})
