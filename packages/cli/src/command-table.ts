/**
 * Every verb: its words, one line of help, and where its code is. The code is loaded when the verb is named, so that
 * `millrace --version` loads nothing and `millrace put` no server. Path = file: `stream create` is
 * `commands/stream/create.ts`.
 */
import type { DefineCommand } from './define-command.ts'

export interface Verb {
  readonly words: readonly [string] | readonly [noun: string, verb: string]
  readonly alias?: string
  readonly summary: string
  readonly load: () => Promise<DefineCommand>
}

export const nouns: Readonly<Record<string, string>> = {
  stream: 'create, list, describe, scale, encrypt, update, tag and delete streams, and change their mode',
  shard: 'list, split and merge shards of a stream',
  consumer: 'register, list and deregister consumers of a stream (enhanced fan-out)',
  app: 'look after applications of the consumer library: list and describe them, lag, reset, seek, pause, resume and delete',
}

/** Verbs of the product that are not there yet, and what each waits for. */
export const absentVerbs: Readonly<Record<string, string>> = {
  deliver: 'delivery pipelines',
}

export const verbs: readonly Verb[] = [
  {
    words: ['start'],
    summary: 'run the service (the default command)',
    load: async () => (await import('./commands/start.ts')).defineStart,
  },
  {
    words: ['stream', 'create'],
    summary: 'make a stream',
    load: async () => (await import('./commands/stream/create.ts')).defineStreamCreate,
  },
  {
    words: ['stream', 'list'],
    alias: 'ls',
    summary: 'list the streams',
    load: async () => (await import('./commands/stream/list.ts')).defineStreamList,
  },
  {
    words: ['stream', 'describe'],
    alias: 'info',
    summary: 'describe one stream',
    load: async () => (await import('./commands/stream/describe.ts')).defineStreamDescribe,
  },
  {
    words: ['stream', 'scale'],
    summary: 'change the number of shards',
    load: async () => (await import('./commands/stream/scale.ts')).defineStreamScale,
  },
  {
    words: ['stream', 'encrypt'],
    summary: 'store its records encrypted from now on, or no longer',
    load: async () => (await import('./commands/stream/encrypt.ts')).defineStreamEncrypt,
  },
  {
    words: ['stream', 'mode'],
    summary: 'let the shards follow the traffic, or not',
    load: async () => (await import('./commands/stream/mode.ts')).defineStreamMode,
  },
  {
    words: ['stream', 'update'],
    summary: 'change how long records are kept, and how large they may be',
    load: async () => (await import('./commands/stream/update.ts')).defineStreamUpdate,
  },
  {
    words: ['stream', 'tag'],
    summary: 'give a stream tags, take some away, show them',
    load: async () => (await import('./commands/stream/tag.ts')).defineStreamTag,
  },
  {
    words: ['stream', 'delete'],
    alias: 'rm',
    summary: 'delete a stream and all its records',
    load: async () => (await import('./commands/stream/delete.ts')).defineStreamDelete,
  },
  {
    words: ['shard', 'list'],
    alias: 'ls',
    summary: 'list the shards of a stream',
    load: async () => (await import('./commands/shard/list.ts')).defineShardList,
  },
  {
    words: ['shard', 'split'],
    summary: 'split a shard in two',
    load: async () => (await import('./commands/shard/split.ts')).defineShardSplit,
  },
  {
    words: ['shard', 'merge'],
    summary: 'merge two neighbouring shards',
    load: async () => (await import('./commands/shard/merge.ts')).defineShardMerge,
  },
  {
    words: ['consumer', 'register'],
    alias: 'add',
    summary: 'register a consumer with a stream',
    load: async () => (await import('./commands/consumer/register.ts')).defineConsumerRegister,
  },
  {
    words: ['consumer', 'list'],
    alias: 'ls',
    summary: 'list the consumers of a stream',
    load: async () => (await import('./commands/consumer/list.ts')).defineConsumerList,
  },
  {
    words: ['consumer', 'deregister'],
    alias: 'rm',
    summary: 'take a consumer off its stream',
    load: async () => (await import('./commands/consumer/deregister.ts')).defineConsumerDeregister,
  },
  {
    words: ['app', 'list'],
    alias: 'ls',
    summary: 'list the applications that consume streams',
    load: async () => (await import('./commands/app/list.ts')).defineAppList,
  },
  {
    words: ['app', 'describe'],
    alias: 'info',
    summary: 'show the leases and workers of an application',
    load: async () => (await import('./commands/app/describe.ts')).defineAppDescribe,
  },
  {
    words: ['app', 'lag'],
    summary: 'show how far an application is behind',
    load: async () => (await import('./commands/app/lag.ts')).defineAppLag,
  },
  {
    words: ['app', 'reset'],
    summary: 'have an application begin elsewhere',
    load: async () => (await import('./commands/app/reset.ts')).defineAppReset,
  },
  {
    words: ['app', 'seek'],
    summary: 'have one shard of an application begin elsewhere',
    load: async () => (await import('./commands/app/seek.ts')).defineAppSeek,
  },
  {
    words: ['app', 'pause'],
    summary: 'have leases processed by nobody',
    load: async () => (await import('./commands/app/pause.ts')).defineAppPause,
  },
  {
    words: ['app', 'resume'],
    summary: 'have paused leases processed again',
    load: async () => (await import('./commands/app/pause.ts')).defineAppResume,
  },
  {
    words: ['app', 'delete'],
    alias: 'rm',
    summary: 'delete an application with its leases and checkpoints',
    load: async () => (await import('./commands/app/delete.ts')).defineAppDelete,
  },
  {
    words: ['put'],
    summary: 'write records: lines or JSON, from an argument, a file or stdin',
    load: async () => (await import('./commands/put.ts')).definePut,
  },
  {
    words: ['get'],
    summary: 'read what a stream holds, and stop',
    load: async () => (await import('./commands/get.ts')).defineGet,
  },
  {
    words: ['tail'],
    summary: 'follow all shards of a stream as records arrive',
    load: async () => (await import('./commands/tail.ts')).defineTail,
  },
  {
    words: ['check'],
    summary: 'verify a data directory',
    load: async () => (await import('./commands/check.ts')).defineCheck,
  },
  {
    words: ['dump'],
    summary: 'show what a data directory holds, commit by commit',
    load: async () => (await import('./commands/dump.ts')).defineDump,
  },
  {
    words: ['backup'],
    summary: 'save a data directory, of a running server too',
    load: async () => (await import('./commands/backup.ts')).defineBackup,
  },
  {
    words: ['restore'],
    summary: 'bring a data directory back from a backup',
    load: async () => (await import('./commands/restore.ts')).defineRestore,
  },
]
