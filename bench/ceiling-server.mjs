/**
 * The ceilings: what `node:http` itself can do with the same requests. Plain JavaScript, so that it starts as it is.
 *   bare   reads the body, answers 120 bytes
 *   parse  the same, with JSON.parse of the body
 *   send   reads the body, answers a prepared buffer of SIZE bytes
 */
import { createServer } from 'node:http'

const [mode, size = '120'] = process.argv.slice(2)
const answer = Buffer.alloc(Number(size), 'x')

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    if (mode === 'parse') JSON.parse(body.toString())
    response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.1', 'Content-Length': answer.length })
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
