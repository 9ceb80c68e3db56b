/**
 * A data directory belongs to one live process. Ownership is a listening Unix socket: it ends with its process, however
 * that ends, so neither a kill nor a reused pid nor a container's own pid numbers can fool it.
 *
 * The sockets lie in `<directory>/lock/` under growing numbers, and whoever listens behind the highest one owns the
 * directory. To take over, a starter finds the highest number dead (connect is refused), listens under a random name,
 * links that to the next number, which only one can, and looks once more that it is the highest: a slow starter may
 * have linked a number that was cleared away long since. The highest name is never removed, not even by its owner
 * when it leaves. On Windows a named pipe, which goes with its process too, does all of this.
 *
 * It does not reach across machines: on a network file system the sockets of another kernel look dead.
 */
import { link, readdir, realpath } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Clock, Random } from '@millrace/std'
import { codeOf, highestOf, numberOf, pipeOf, randomName, shortPath, unlinkIfThere } from './lock-address.ts'
import { makeDirectories } from './make-directories.ts'
import { Doorkeeper, type OwnerRequestHandler } from './owner-channel.ts'

export interface DirectoryLock extends AsyncDisposable {
  /** Has `handler` answer other processes of this machine that ask the owner for something (owner-channel.ts). */
  onRequest(handler: OwnerRequestHandler): void
  /** Lets the next process in. Twice is fine. */
  release(): Promise<void>
}

export interface DirectoryLockOptions {
  readonly clock: Clock
  readonly random: Random
}

/** Another live process has the directory. The message is a sentence for people. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError'
  readonly directory: string

  constructor(directory: string, owner: string) {
    super(
      `The data directory ${directory} is in use by ${owner}. ` +
        'Stop that process, or start this one with another data directory.',
    )
    this.directory = directory
  }
}

/** Names below the owner's that are left alone, so that no listing misses the highest while names come and go. */
const NAMES_KEPT = 8
/** Every lost race means that somebody else won one. */
const ATTEMPTS_MAX = 50
/** How long an owner may take to say who it is. That it listens is answer enough. */
const INTRODUCTION_MS = 500
/** Beyond this the owner hangs up at once, which still says that it lives. */
const CONNECTIONS_MAX = 16
const INTRODUCTION_BYTES_MAX = 512

/** Takes the directory (which is made if need be). Rejects with DirectoryInUseError if a live process has it. */
export async function lockDirectory(directory: string, options: DirectoryLockOptions): Promise<DirectoryLock> {
  await makeDirectories(directory)
  const path = await realpath(directory)
  return process.platform === 'win32' ? lockByPipe(path, options) : lockBySocket(path, options)
}

async function lockBySocket(directory: string, options: DirectoryLockOptions): Promise<DirectoryLock> {
  const names = join(directory, 'lock')
  await makeDirectories(names)
  await using sockets = await shortPath(names, options.random)
  const doorkeeper = new Doorkeeper(options.clock)
  const server = createServer((socket) => doorkeeper.receive(socket))
  server.maxConnections = CONNECTIONS_MAX
  const own = `new-${randomName(options.random)}`
  try {
    await listening(server, join(sockets.path, own))
    const number = await takeNumber(directory, names, sockets.path, own, options)
    await clearNames(names, sockets.path, number, options)
  } catch (error) {
    await closed(server)
    throw error
  } finally {
    await unlinkIfThere(join(names, own))
  }
  return lockOf(server, doorkeeper)
}

/** Links `own` to the next number and returns that. Rejects with DirectoryInUseError when the highest one lives. */
async function takeNumber(
  directory: string,
  names: string,
  sockets: string,
  own: string,
  options: DirectoryLockOptions,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const highest = highestOf(await readdir(names))
    if (highest > 0) {
      const owner = await ownerOf(join(sockets, String(highest)), options.clock)
      if (owner !== undefined) throw new DirectoryInUseError(directory, owner)
    }
    const number = highest + 1
    if (!(await linked(join(names, own), join(names, String(number))))) continue
    if (highestOf(await readdir(names)) === number) return number
    await unlinkIfThere(join(names, String(number)))
  }
  throw new DirectoryInUseError(directory, 'one of several processes that are starting at this moment')
}

/** Removes numbers well below ours, and what starters left behind that were killed on the way. */
async function clearNames(
  names: string,
  sockets: string,
  number: number,
  options: DirectoryLockOptions,
): Promise<void> {
  for (const name of await readdir(names)) {
    const dead = name.startsWith('new-')
      ? (await ownerOf(join(sockets, name), options.clock)) === undefined
      : numberOf(name) > 0 && numberOf(name) <= number - NAMES_KEPT
    if (dead) await unlinkIfThere(join(names, name))
  }
}

async function lockByPipe(directory: string, options: DirectoryLockOptions): Promise<DirectoryLock> {
  const pipe = pipeOf(directory)
  const doorkeeper = new Doorkeeper(options.clock)
  const server = createServer((socket) => doorkeeper.receive(socket))
  server.maxConnections = CONNECTIONS_MAX
  try {
    await listening(server, pipe)
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE' && codeOf(error) !== 'EACCES') throw error
    throw new DirectoryInUseError(directory, (await ownerOf(pipe, options.clock)) ?? 'another process')
  }
  return lockOf(server, doorkeeper)
}

function lockOf(server: Server, doorkeeper: Doorkeeper): DirectoryLock {
  server.unref()
  let released: Promise<void> | undefined
  const release = (): Promise<void> => {
    doorkeeper.close()
    return (released ??= closed(server))
  }
  return { onRequest: (handler) => doorkeeper.serve(handler), release, [Symbol.asyncDispose]: release }
}

/**
 * Who listens behind a socket; `undefined` if nobody does, or if it is gone. A process that is stopped or busy counts:
 * the kernel accepts for it.
 */
function ownerOf(path: string, clock: Clock): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(path)
    const finish = (owner: string | undefined): void => {
      timer.cancel()
      socket.destroy()
      resolve(owner)
    }
    const introduced = (): string =>
      Buffer.concat(chunks).toString().trimEnd() || 'a process that does not say who it is'
    const timer = clock.setTimer(INTRODUCTION_MS, () => finish(introduced()))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (Buffer.concat(chunks).length > INTRODUCTION_BYTES_MAX) finish('a process that is not ours')
      else if (chunk.includes('\n')) finish(introduced())
    })
    socket.on('end', () => finish(introduced()))
    socket.on('error', (error) => {
      const code = codeOf(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') finish(undefined)
      else if (code === 'EAGAIN' || code === 'ECONNRESET' || code === 'EPIPE') finish(introduced())
      else {
        timer.cancel()
        reject(new Error(`Cannot tell whether another process uses the directory: connecting to ${path} gave ${code}.`))
      }
    })
  })
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

/** False if the name is taken. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw new Error(`Cannot lock the data directory: linking a socket to ${to} gave ${codeOf(error)}.`, {
      cause: error,
    })
  }
}
