import { Histogram } from 'prom-client'
import { expect, it } from 'vitest'

import { Distribution } from './distribution.ts'
import { Registry } from './prom-client.ts'

const BUCKETS = [0, 0.5, 1]
const LABELS = [{ stream: 'a"\\\n' }, { stream: 'b' }, { stream: 'gone' }]

it('a distribution prints what a histogram of prom-client does', async () => {
  const [theirs, ours] = [new Registry(), new Registry()]
  const options = { name: 'took_seconds', help: 'How long\nit took.', buckets: BUCKETS }
  const histogram = new Histogram({ ...options, labelNames: ['stream'], registers: [theirs] })
  const distribution = new Distribution({ ...options, registry: ours })
  expect(await ours.metrics()).toBe(await theirs.metrics())
  for (const labels of LABELS) {
    for (const value of [0, 0.25, 0.5, 0.75, 1, 1.5, 100]) {
      histogram.observe(labels, value)
      distribution.observe(labels, value)
    }
  }
  for (const one of [histogram, distribution]) one.remove({ stream: 'never was' })
  histogram.remove({ stream: 'gone' })
  distribution.remove(LABELS[2] ?? {})
  const printed = await ours.metrics()
  expect(printed).toBe(await theirs.metrics())
  expect(printed).toContain('took_seconds_bucket{le="0.5",stream="b"} 3\n')
})
