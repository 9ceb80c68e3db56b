/** Every part of the benchmark, in the order of the page. */
import type { Part } from './part.ts'
import { backlogPart } from './parts/backlog.ts'
import { besidePart } from './parts/beside.ts'
import { consumersPart } from './parts/consumers.ts'
import { deliveryPart } from './parts/delivery.ts'
import { getPart } from './parts/get.ts'
import { growthPart } from './parts/growth.ts'
import { memoryPart } from './parts/memory.ts'
import { pacePart } from './parts/pace.ts'
import { putParts } from './parts/puts.ts'
import { slowDiskPart } from './parts/slow-disk.ts'
import { startPart } from './parts/start.ts'
import { widePart } from './parts/wide.ts'

export const parts: readonly Part[] = [
  ...putParts,
  pacePart,
  slowDiskPart,
  widePart,
  getPart,
  backlogPart,
  deliveryPart,
  besidePart,
  startPart,
  memoryPart,
  consumersPart,
  growthPart,
]
