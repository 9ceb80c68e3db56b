import type { DefineCommand } from '../command-table.ts'
export const defineCheck: DefineCommand = () => {}
