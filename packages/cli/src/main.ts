#!/usr/bin/env node
/**
 * The `millrace` command. Loads as little as it can: the answer to `--version` is worth no parser, and a client verb
 * no server.
 */
import { packageVersion } from './version.ts'

const words = process.argv.slice(2)
if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
  process.stdout.write(`${packageVersion()}\n`)
} else {
  const [{ runProgram }, { processShell }, { systemClock, systemRandom }] = await Promise.all([
    import('./program.ts'),
    import('./shell.ts'),
    import('@millrace/std'),
  ])
  const shell = processShell(systemClock, systemRandom)
  const code = await runProgram(words, shell)
  // A pipe on stdin that nobody will close must not keep us; what was written must be out.
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done))
  shell.exit(code)
}
