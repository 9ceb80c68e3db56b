import { defineConfig } from 'vitest/config'
import { mutantPlugins } from './tests/mutants/plugin.ts'
import { bundledTests } from './tests/support/bundled.ts'

// Tests read our TypeScript directly: the `source` condition of each package's exports points at it.
const resolve = { conditions: ['source'] }
const ssr = { resolve: { conditions: ['source', 'node', 'import', 'default'] } }
// Where Vitest loads a `globalSetup`.
const environments = { __vitest__: ssr }
// Node 20 has no `await using`.
const oxc = { target: 'node20' } as const

// The SDK under test warns at every start under Node 20; we know.
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
// In a `globalSetup`, too, which is no test.
Object.assign(process.env, env)

// A bug that is planted to see whether the suites notice (`npm run test:mutants`); none otherwise.
const plugins = mutantPlugins(import.meta.dirname, process.env)

/** One for each core of the smallest machine we test on: by itself vitest leaves one core of two alone. */
const WORKERS = 2

/** Tests that compute for minutes (docs/decisions/120). */
const COMPUTING = /\/tests\/simulation\/(?:log\/crash-\d|service\/worlds-[a-z-]+)\.test\.ts$/

/** What is waited for comes when it comes: a poll gives up only where the test would anyhow (of itself after 1 s). */
const expect = { poll: { timeout: 25_000, interval: 20 } }

/** A service that runs elsewhere takes its time, as AWS does: minutes for a scaling. */
const conformanceTimeoutMs = process.env['MILLRACE_CONFORMANCE_ENDPOINT'] === undefined ? 60_000 : 600_000

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        oxc,
        plugins,
        test: {
          expect,
          name: 'units',
          maxWorkers: WORKERS,
          // Loading the modules anew for each of 300 files takes longer than the tests do.
          isolate: false,
          setupFiles: ['tests/support/fixed-seed.ts'],
          include: ['packages/*/src/**/*.test.ts', 'tests/*.test.ts', 'tests/{mutants,formats,consumer}/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        oxc,
        plugins,
        environments,
        test: {
          expect,
          name: 'conformance',
          env,
          maxWorkers: WORKERS,
          // The servers are elsewhere: files share nothing but the SDK, which takes a second to load.
          isolate: false,
          globalSetup: ['tests/conformance/support/services.ts'],
          // Waits of more than ten seconds: `npm run conformance -- --slow`. Each has a twin on the virtual clock.
          tags: [{ name: 'slow', timeout: 400_000, skip: process.env['MILLRACE_CONFORMANCE_SLOW'] === undefined }],
          include: ['tests/conformance/**/*.test.ts', 'examples/**/*.test.mjs'],
          testTimeout: conformanceTimeoutMs,
          hookTimeout: conformanceTimeoutMs,
        },
      },
      {
        resolve,
        // Not `import`: Node would take it for what pg requires, too.
        ssr: { resolve: { conditions: ['source', 'node', 'default'] } },
        oxc,
        plugins,
        test: {
          expect,
          name: 'stores',
          env,
          maxWorkers: WORKERS,
          include: ['tests/stores/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        oxc,
        plugins: [...plugins, bundledTests(COMPUTING, { resolve, ssr, oxc, plugins })],
        test: {
          expect,
          name: 'simulation',
          // The halves of the worlds run side by side. On a virtual clock: nothing in them waits for real time.
          maxWorkers: WORKERS,
          include: ['tests/simulation/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        oxc,
        plugins,
        test: {
          expect,
          name: 'fuzz',
          env,
          maxWorkers: WORKERS,
          include: ['tests/fuzz/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        oxc,
        plugins,
        test: {
          expect,
          name: 'crash',
          env,
          include: ['tests/crash/**/*.test.ts', 'tests/packaging/**/*.test.ts'],
          // Of the soak: `npm test` has its minutes.
          exclude: process.env['MILLRACE_CONSUMER_SECONDS'] === undefined ? ['tests/crash/consumer.test.ts'] : [],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: WORKERS,
        },
      },
    ],
  },
})
