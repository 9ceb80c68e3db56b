import type { DefineCommand } from '../command-table.ts'
export const defineDump: DefineCommand = () => {}
