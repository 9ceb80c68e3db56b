/**
 * Dead letters to a file, a line of JSON each. A letter is durable when its promise resolves: letters that wait share one
 * write and one sync. A line that a crash or a full disk cut off is ended, so that no letter is glued to it.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DeadLetter, deadLetterLine, type LettersLeft } from './dead-letter.ts'

/** A `DeadLetterSink` that is not told to stop: a write that was begun is finished. */
export interface LetterWriter {
  (letter: DeadLetter): Promise<void>
  many(letters: readonly DeadLetter[]): Promise<LettersLeft>
}

export class DeadLetterFile implements AsyncDisposable {
  readonly #path: string
  #file: FileHandle | undefined
  /** Lines that wait for the write under way; as many as shards and lanes that fail at once, each of which waits. */
  #waiting: string[] = []
  #write: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** Made when the first letter comes. Processes may share it. */
  constructor(path: string) {
    this.#path = path
  }

  /** A `DeadLetterSink`. Rejects with the file system's error; nothing is known to be stored then. */
  readonly put: LetterWriter = Object.assign((letter: DeadLetter): Promise<void> => this.#add(letter), {
    many: async (letters: readonly DeadLetter[]): Promise<LettersLeft> => {
      await Promise.all(letters.map((letter) => this.#add(letter)))
      return { left: [] }
    },
  })

  /** Waits for the letters that are under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#write, this.#next])
    await this.#file?.close()
    this.#file = undefined
  }

  #add(letter: DeadLetter): Promise<void> {
    this.#waiting.push(`${deadLetterLine(letter)}\n`)
    this.#next ??= this.#writeAfter(this.#write)
    return this.#next
  }

  async #writeAfter(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {})
    const lines = this.#waiting.join('')
    this.#waiting = []
    this.#write = this.#next
    this.#next = undefined
    this.#file ??= await openWithDirectory(this.#path)
    const isCutOff = await endsWithoutNewline(this.#file)
    await this.#file.appendFile(isCutOff ? `\n${lines}` : lines)
    await this.#file.datasync()
  }
}

async function openWithDirectory(path: string): Promise<FileHandle> {
  const file = await open(path, 'a+')
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
  return file
}

async function endsWithoutNewline(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== 0x0a
}
