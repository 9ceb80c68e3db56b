/** That `npm run test:interop` does not pass where there is little that it could run. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('fails where there is neither Go nor Java, and says of each in a line what is missing', () => {
  const script = fileURLToPath(new URL('./interop/run.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env: { PATH: '' }, encoding: 'utf8' })
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^skipped {2}aws-sdk-go-v2: .* no go was found\.$/),
    expect.stringMatching(/^skipped {2}aws-sdk-java-v2: .* no java was found\.$/),
  ])
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^test:interop fails: .*\n$/)])
})
