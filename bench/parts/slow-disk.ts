/** The write rows on slower disks: some milliseconds added to each sync. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createBenchStream } from '../loads.ts'
import type { Bench, Part, PartReport } from '../part.ts'
import { benchRoot, MeasuredProcess } from '../processes.ts'
import { joined, versus } from '../versus.ts'
import { CEILING_NAMES, putLoads } from './puts.ts'

const ADDED_MS = [2, 10]

export const slowDiskPart: Part = { name: 'slow-disk', heading: '## Slower disks', run: slowDisk }

async function slowDisk(bench: Bench): Promise<PartReport> {
  const reports: PartReport[] = []
  for (const ms of ADDED_MS) {
    const slow = pathToFileURL(join(benchRoot, 'bench', 'slow-sync.mjs'))
    const ours = await bench.millrace(`data-${ms}`, { nodeOptions: ['--import', `${slow}?ms=${ms}`] })
    await createBenchStream(ours.port)
    for (const load of putLoads) {
      const { requests, connections, recordsPerRequest: unitsPerRequest, ceilings, name } = load
      const mode = ceilings.at(-1) ?? 'bare'
      const ceiling = await bench.started(MeasuredProcess.ceiling(mode, ms))
      const work = `${load.work}, ${ms} ms added to each sync`
      bench.tell(work)
      const sides = [
        {
          name: `${CEILING_NAMES[mode]}, groups of ${ms} ms`,
          process: ceiling,
          request: requests(ceiling.port),
          unitsPerRequest,
        },
        { name: 'Millrace', process: ours, request: requests(ours.port), unitsPerRequest, isOurs: true },
      ]
      const settings = { rounds: bench.pick(3, 1), durationMs: bench.pick(1_000, 200), connections }
      const { cpuTarget: _none, rateTargets: _neither, ...rest } = load
      reports.push(await versus(sides, { ...rest, work, name: `${name}-${ms}-ms`, ...settings }))
      await ceiling.stop()
    }
    await ours.stop()
  }
  const note =
    'The ceiling answers in groups: one after another takes as long as was added, and holds what came before it began. No targets: these rows are to show ' +
    'that it is the disk that is waited for, and that processor time does not grow.'
  return { ...joined(reports), notes: [note] }
}
