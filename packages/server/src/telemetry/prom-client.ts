/**
 * What we take of prom-client, from the files that hold it (so its version is told exactly): its front door loads seventy others as well, OpenTelemetry's
 * among them, for metrics of the process that nobody asks for. They are a tenth of a start.
 */
import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'

const require = createRequire(import.meta.url)

export const Counter = require('prom-client/lib/counter') as typeof PromClient.Counter
export const Gauge = require('prom-client/lib/gauge') as typeof PromClient.Gauge
export const Registry = require('prom-client/lib/registry') as typeof PromClient.Registry

export type Counter = PromClient.Counter
export type Gauge = PromClient.Gauge
export type Histogram = PromClient.Histogram
export type Registry = PromClient.Registry
