/**
 * The ceilings: what `node:http` itself can do with the same requests. Plain JavaScript, so that it starts as it is.
 *   bare [MS]   reads the body, answers 120 bytes; with MS, at the end of the next group: one after another takes MS,
 *               and holds what came before it began, as commits on a disk with such syncs would
 *   parse [MS]  the same, with JSON.parse of the body
 *   send SIZE   reads the body, answers a prepared buffer of SIZE bytes
 *   file PATH SIZE  reads the body, answers the next SIZE bytes of the file, and from its end on again, as base64
 */
import { read, fstatSync, openSync } from 'node:fs'
import { createServer } from 'node:http'

const [mode, ...what] = process.argv.slice(2)
const delayMs = mode === 'send' || mode === 'file' ? 0 : Number(what[0] ?? 0)
const answer = Buffer.alloc(mode === 'send' ? Number(what[0]) : 120, 'x')

function send(response, bytes) {
  response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.1', 'Content-Length': bytes.length })
  response.end(bytes)
}

let waiting = []
let isGroupUnderWay = false
function inNextGroup(response) {
  waiting.push(response)
  if (!isGroupUnderWay) beginGroup()
}

function beginGroup() {
  const group = waiting
  waiting = []
  isGroupUnderWay = group.length > 0
  if (!isGroupUnderWay) return
  setTimeout(() => {
    for (const response of group) send(response, answer)
    beginGroup()
  }, delayMs)
}

const file = mode === 'file' ? openSync(what[0]) : undefined
const fileBytes = file === undefined ? 0 : fstatSync(file).size
let at = 0
function sendFile(response) {
  const buffer = Buffer.allocUnsafe(Math.min(Number(what[1]), fileBytes - at))
  read(file, buffer, 0, buffer.length, at, (error) => {
    if (error) throw error
    send(response, Buffer.from(buffer.toString('base64'), 'latin1'))
  })
  at = (at + buffer.length) % fileBytes
}

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    if (mode === 'parse') JSON.parse(body.toString())
    if (file !== undefined) sendFile(response)
    else if (delayMs > 0) inNextGroup(response)
    else send(response, answer)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
