/**
 * `millrace put`: records from an argument, a file or stdin into a stream, in the order of their keys
 * (records/ordered-putter.ts says what that promises).
 */
import { open } from 'node:fs/promises'
import { Option } from 'commander'
import type { DefineCommand } from '../define-command.ts'
import { CommandError, usageError } from '../exit-code.ts'
import type { KeyOptions } from '../records/key-choice.ts'
import { type InputForm, inputForms } from '../records/record-source.ts'
import { addSessionOptions, countOption, type SessionOptions, streamAndRest, withSession } from '../session.ts'
import type { Shell } from '../shell.ts'

interface Options extends SessionOptions, KeyOptions {
  readonly stream?: string
  readonly file?: string
  readonly input: InputForm
  readonly skip: number
  readonly strictOrder?: boolean
}

const help = `
Records are lines of bytes, as they are, without their ends (\\n or \\r\\n); empty lines are none.
A JSON array of objects gives one record per element.
Without a key option every record gets a random key. Records of one key keep their order.

Examples:
  millrace put orders '{"id":7}' --key-path id
  millrace put --stream flights --file flights.json --key-path origin
  tail -f app.log | millrace put logs --key host-1

Ctrl-C finishes what was read, and prints the command that goes on from there (--skip).
`

export const definePut: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[value]', 'one record; - or nothing: stdin')
    .option('--stream <name>', 'the same as the first argument')
    .option('-f, --file <path>', 'read records from a file')
    .addOption(
      new Option('--input <form>', 'lines; ndjson: lines, each checked to be JSON; array: one JSON array')
        .choices(inputForms)
        .default('auto'),
    )
    .option('--key <key>', 'one partition key for all')
    .option('--key-path <path>', 'the key is in the JSON value: user.id, items[0].sku')
    .option('--key-line', 'the key is the number of the record')
    .option('--key-random', 'a random key for each (the default)')
    .option('--skip <n>', 'pass over the first n records of the input', countOption('--skip', 0), 0)
    .option('--strict-order', 'a key at most once in a request: slower, and exact under throttling on any endpoint')
    .addHelpText('after', help)
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, value] = streamAndRest([first, second], options.stream)
      const { putRecords } = await import('../records/put-records.ts')
      const input = await openInput(value, options, shell)
      try {
        await withSession(shell, options, (client, reporter) =>
          putRecords({ client, reporter, shell, stream, ...options, ...input }),
        )
      } finally {
        await input.close()
      }
    })
}

interface OpenInput {
  readonly chunks: AsyncIterable<Uint8Array>
  /** Bytes in all, where that is known. */
  readonly inputBytes?: number
  /** The value stood on the command line. */
  readonly single: boolean
  close(): Promise<void>
}

/** Bytes read from a file at once. */
const READ_BYTES = 256 * 1024

async function openInput(value: string | undefined, options: Options, shell: Shell): Promise<OpenInput> {
  if (options.file !== undefined) {
    if (value !== undefined) throw usageError('a value and --file exclude one another')
    if (options.file !== '-') return openFile(options.file)
  } else if (value !== undefined && value !== '-') {
    const bytes = Buffer.from(value)
    return { chunks: oneChunk(bytes), single: true, close: () => Promise.resolve() }
  }
  if (shell.stdin.isTerminal)
    await shell.stderr.write('reading records from the terminal, one a line; end with Ctrl-D\n')
  return { chunks: shell.stdin.chunks, single: false, close: () => Promise.resolve() }
}

async function openFile(path: string): Promise<OpenInput> {
  try {
    const file = await open(path)
    const stats = await file.stat()
    if (stats.isDirectory()) {
      await file.close()
      throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' })
    }
    const { size } = stats
    const chunks = file.createReadStream({ highWaterMark: READ_BYTES, autoClose: false }) as AsyncIterable<Uint8Array>
    return { chunks, ...(size > 0 ? { inputBytes: size } : {}), single: false, close: () => file.close() }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CommandError(
      {
        ending: code === 'ENOENT' ? 'notFound' : 'usage',
        code: code ?? 'File',
        message: `cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : (cause as Error).message}`,
      },
      { cause },
    )
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
