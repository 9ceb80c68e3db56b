import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'

import { HeaderNames } from './header-names.ts'

describe('HeaderNames', () => {
  it('gives names in lower case, and none that is no name or changes the framing', () => {
    const names = new HeaderNames()
    for (const _ of ['unknown', 'known'])
      expect(['X-Amz-Target', 'host', 'TE', '__proto__', 'a b', ''].map((name) => names.usual(name))).toEqual([
        'x-amz-target',
        'host',
        undefined,
        undefined,
        undefined,
        undefined,
      ])
    expect(names.size).toBe(2)
  })

  it('knows 256 at most, and begins anew when somebody has filled it up', () => {
    const names = new HeaderNames()
    for (let i = 0; i < 256; i++) names.usual(`X-Flood-${i}`)
    names.usual(`X-${'long'.repeat(20)}`)
    expect(names.size).toBe(256)
    expect(names.usual('Content-Type')).toBe('content-type')
    expect(names.size).toBe(1)
  })

  it('keeps nothing of the heads that names came with', () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const names = new HeaderNames()
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 256; i++) {
      const head = Buffer.alloc(32 * 1024, `x-name-of-a-header-${i} `).toString('latin1')
      names.usual(head.slice(0, head.indexOf(' ')))
    }
    collectGarbage()
    expect(names.size).toBe(256)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 * 1024 * 1024)
  })
})
