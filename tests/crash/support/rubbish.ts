/**
 * Rubbish of every kind on a port until killed, from a process of its own so that it does not slow the good client it
 * is there to disturb. Arguments: port, seed. Names of kinds after that choose among them.
 */
import { once } from 'node:events'
import { type ClientHttp2Session, connect as h2connect, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const MiB = 1024 * 1024
const [port = 0, seed = 0] = process.argv.slice(2, 4).map(Number)
const chosen = process.argv.slice(4)

/** A small random source, so that a run can be told by its seed. */
let state = seed
const roll = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
const randomBytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(roll() * 256)))

/** A connection that takes whatever becomes of it. */
function open(): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  return socket.resume()
}

/** Sends pieces with pauses until the server closes. */
async function send(first: Buffer | string, piece: () => Buffer | string, pauseMs: number): Promise<void> {
  const socket = open()
  socket.write(first)
  while (!socket.destroyed) {
    if (!socket.write(piece()) && !socket.destroyed) {
      await new Promise<void>((resolve) => socket.once('drain', resolve).once('close', resolve))
    }
    await sleep(pauseMs)
  }
}

async function always(turn: () => Promise<void>): Promise<void> {
  for (;;) {
    await turn()
    // Whoever is refused at once tries again at once; but not so fast that one machine does nothing else.
    await sleep(5)
  }
}

function many(count: number, turn: () => Promise<void>): void {
  for (let i = 0; i < count; i++) void always(turn)
}

const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n'
const block = Buffer.alloc(64 * 1024, 'x')
const chunk = Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')])
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const half = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])
const page = 'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n'

async function h2Flood(perTurn: number, abuse: (client: ClientHttp2Session) => void): Promise<void> {
  const client = h2connect(`http://127.0.0.1:${port}`)
  client.on('error', () => {})
  const closed = new Promise((resolve) => client.once('close', resolve))
  for (let i = 0; i < 100 && !client.destroyed && !client.closed; i++) {
    for (let j = 0; j < perTurn && !client.destroyed && !client.closed; j++) abuse(client)
    await sleep(10)
  }
  client.destroy()
  await closed
}

const kinds: Readonly<Record<string, () => void>> = {
  'random-bytes': () =>
    many(2, async () => {
      const socket = open()
      socket.write(randomBytes(1 + Math.floor(roll() * 400)))
      await sleep(5)
      if (roll() < 0.5) socket.destroy()
      else socket.end()
    }),
  'slow-headers': () => many(50, () => send('POST / HTTP/1.1\r\n', () => 'X-Drip: 1\r\n', 200)),
  'endless-headers': () => many(2, () => send('POST / HTTP/1.1\r\n', () => `X-${'a'.repeat(1000)}: b\r\n`, 1)),
  'oversized-bodies': () => many(2, () => send(`${head}Content-Length: 1000000000\r\n\r\n`, () => block, 1)),
  'endless-chunked-bodies': () => many(2, () => send(`${head}Transfer-Encoding: chunked\r\n\r\n`, () => chunk, 1)),
  'bodies-that-stall-before-their-end': () =>
    many(20, () => {
      let left = 14 * MiB
      const almost = (): Buffer | string => {
        const piece = left > block.length ? block : ''
        left -= piece.length
        return piece
      }
      return send(`${head}Content-Length: ${14 * MiB}\r\n\r\n`, almost, 10)
    }),
  'bodies-of-brackets': () =>
    many(1, async () => {
      const body = '['.repeat(2 * MiB)
      const socket = open()
      socket.end(`${head}X-Amz-Target: Kinesis_20131202.PutRecords\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      await once(socket, 'close')
      await sleep(50)
    }),
  'half-a-tls-hello': () => many(50, () => send(half, () => '', 500)),
  'connections-that-say-nothing': () => many(200, () => send('', () => '', 500)),
  'pipelined-and-not-read': () =>
    many(2, async () => {
      const socket = open().pause()
      for (let i = 0; i < 50 && !socket.destroyed; i++) {
        socket.write(page.repeat(50))
        await sleep(10)
      }
      socket.destroy()
    }),
  'h2-streams': () =>
    many(1, () =>
      h2Flood(20, (client) => {
        const stream = client.request({ ':method': 'POST', ':path': '/' })
        stream.on('error', () => {})
        stream.write('x')
      }),
    ),
  'h2-resets': () =>
    many(1, () =>
      h2Flood(20, (client) => {
        const stream = client.request({ ':method': 'POST', ':path': '/' })
        stream.on('error', () => {})
        stream.close(constants.NGHTTP2_CANCEL)
      }),
    ),
  'h2-pings': () => many(1, () => h2Flood(20, (client) => void client.ping(() => {}))),
  'h2-rubbish': () =>
    many(1, async () => {
      const socket = open()
      socket.write(preface)
      socket.write(randomBytes(200))
      await sleep(5)
      socket.destroy()
    }),
}

for (const [name, start] of Object.entries(kinds)) if (chosen.length === 0 || chosen.includes(name)) start()
