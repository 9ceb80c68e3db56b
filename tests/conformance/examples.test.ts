/** Every example runs as it stands. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'

const folder = fileURLToPath(new URL('../../examples/', import.meta.url))

describe('examples', () => {
  onEveryEngine((service) => {
    it.each(readdirSync(folder).filter((name) => existsSync(`${folder}${name}/main.mjs`)))('%s runs', async (name) => {
      const child = spawn(process.execPath, [`${folder}${name}/main.mjs`], {
        env: {
          ...process.env,
          MILLRACE_ENDPOINT: service.endpoint,
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        },
      })
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
      const [code] = (await once(child, 'exit')) as [number]
      expect({ code, output }).toMatchObject({ code: 0 })
      expect(output).toContain('order of ada')
    })
  })
})
