/** From the start of the process to its first answer: with nothing, with a large log, and after a kill under load. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, HttpAnswer } from '../connection.ts'
import { growLog } from '../grown-log.ts'
import { createBenchStream, singlePuts } from '../loads.ts'
import { atMost, type Bench, type Part, type PartReport } from '../part.ts'
import type { MeasuredProcess } from '../processes.ts'
import { load } from '../raw-client.ts'
import { signedRequest } from '../requests.ts'
import { spreadOf } from '../statistics.ts'

const LOADED_MS = 1_000

export const startPart: Part = { name: 'start', heading: '## Start to first answer', run: start }

async function start(bench: Bench): Promise<PartReport> {
  const rounds = bench.pick(5, 1)
  bench.tell(`writing ${bench.gib} GiB of log`)
  const full = await bench.millrace('full')
  await createBenchStream(full.port)
  await growLog(full.port, 'bench', bench.gib)
  await full.stop()
  const [empty, large, killed]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < rounds; round++) {
    bench.tell(`round ${round + 1} of ${rounds}`)
    const first = await timedStart(bench, 'empty')
    empty.push(first.seconds)
    await killUnderLoad(first.server)
    const again = await timedStart(bench, 'empty')
    killed.push(again.seconds)
    await again.server.stop()
    rmSync(join(bench.folder, 'empty'), { recursive: true })
    const withLog = await timedStart(bench, 'full')
    large.push(withLog.seconds)
    await withLog.server.stop()
  }
  const rows = [
    { work: 'an empty directory', values: empty, target: atMost(0.4, 0.15) },
    // DESIGN says so of 10 GiB, and of 100 GiB beyond.
    { work: `${bench.gib} GiB of log`, values: large, target: atMost(2, 1) },
    { work: 'after kill -9 under load', values: killed, target: atMost(1.5) },
  ].map(({ work, values, target }) => ({ work, value: spreadOf(values), target }))
  return {
    findings: rows.map(({ work, value, target }) => ({
      work,
      measure: 'start to first answer',
      value,
      unit: 's',
      target,
    })),
    pictures: [
      {
        name: 'start',
        title: 'Start to first answer',
        unit: 's',
        bars: rows.map(({ work, value }) => ({ label: work, value, isOurs: true })),
      },
    ],
  }
}

/** Seconds from the start of the process until a request was answered. */
async function timedStart(
  bench: Bench,
  name: string,
): Promise<{ readonly server: MeasuredProcess; readonly seconds: number }> {
  const startedAt = performance.now()
  const server = await bench.millrace(name)
  await firstAnswer(server.port)
  return { server, seconds: (performance.now() - startedAt) / 1000 }
}

export function firstAnswer(port: number): Promise<void> {
  const request = signedRequest(port, 'ListStreams', {})
  return new Promise((resolve, reject) => {
    Connection.open(port, new HttpAnswer(), reject).then(
      (connection) =>
        connection.ask(request, () => {
          connection.close()
          resolve()
        }),
      reject,
    )
  })
}

async function killUnderLoad(server: MeasuredProcess): Promise<void> {
  const { port } = server
  await createBenchStream(port)
  const request = singlePuts(port)
  // It ends by the connections that the kill breaks.
  const loaded = load({ port, connections: 16, durationMs: 60_000, request }).catch(() => undefined)
  await sleep(LOADED_MS)
  await server.kill()
  await loaded
}
