/** What the file of a verb exports. */
import type { Command } from 'commander'
import type { Shell } from './shell.ts'

/** Adds arguments, options and the action to a command that has its name and summary. */
export type DefineCommand = (command: Command, shell: Shell) => void | Promise<void>
