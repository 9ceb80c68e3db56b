/**
 * `credential_process`: a command that prints keys as JSON. It runs in a shell, as in AWS's tools, with the environment
 * that was handed in; what it prints on stderr is left out of messages.
 */
import { exec } from 'node:child_process'
import { CredentialsError } from '../errors.ts'
import type { Credentials } from './credentials.ts'
import type { SourceContext } from './credential-source.ts'
import { parseCredentialsDocument, parseObject } from './credentials-document.ts'

/** Single sign-on helpers may wait for a person. */
const PROCESS_TIMEOUT_MS = 60_000
const OUTPUT_BYTES_MAX = 64 * 1024

export async function fromProcess(command: string, profile: string, context: SourceContext): Promise<Credentials> {
  const what = `credential_process of profile ${profile}`
  const output = await run(command, what, context)
  const version = parseObject(output, what)['Version']
  if (version !== 1) throw new CredentialsError(`Expected "Version": 1 from ${what}, found another or none.`)
  return parseCredentialsDocument(output, what)
}

function run(command: string, what: string, { env, clock }: SourceContext): Promise<string> {
  const limit = new AbortController()
  const timer = clock.setTimer(PROCESS_TIMEOUT_MS, () => limit.abort(), { unref: true })
  return new Promise((resolve, reject) => {
    exec(command, { env, signal: limit.signal, maxBuffer: OUTPUT_BYTES_MAX, windowsHide: true }, (error, stdout) => {
      timer.cancel()
      if (error === null) {
        resolve(stdout)
        return
      }
      // Node's own message quotes the command line, which may hold a secret; so it is not kept as the cause either.
      const how = limit.signal.aborted
        ? `did not end within ${PROCESS_TIMEOUT_MS} ms`
        : typeof error.code === 'number'
          ? `ended with status ${error.code}`
          : `failed (${String(error.code ?? error.signal ?? 'killed')})`
      reject(new CredentialsError(`The ${what} ${how}: run the command by hand to see why.`, { retryable: true }))
    })
  })
}
