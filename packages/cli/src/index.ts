/** `import { startServer } from 'millrace'`: the service inside another program. The command is main.ts. */
export { startServer } from '@millrace/server'
