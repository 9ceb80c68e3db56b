/** What the store needs of Redis: clients of `ioredis` and of `redis` have it, and any other can be handed in as a function. */

/** A client, which is not closed with the store. */
export type RedisClient = IoRedisClient | NodeRedisClient | RedisSender

/**
 * Sends the words of one command and gives its reply, as texts, numbers and lists; in a cluster, to the node of `key`. Nothing is heard of news
 * through it but by asking.
 */
export type RedisSender = (words: readonly string[], key: string) => Promise<unknown>

/** A `Redis` or a `Cluster` of `ioredis`. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>
  duplicate(): IoRedisSubscriber
}

export interface IoRedisSubscriber {
  subscribe(channel: string): Promise<unknown>
  on(event: 'message' | 'ready' | 'error' | 'end', listener: () => void): unknown
  disconnect(): void
}

/** What `createClient` of `redis` (node-redis) makes, connected. Of a cluster: a function. */
export interface NodeRedisClient {
  sendCommand(words: string[]): Promise<unknown>
  duplicate(): NodeRedisSubscriber
}

export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: () => void): Promise<unknown>
  on(event: 'ready' | 'error' | 'end', listener: () => void): unknown
  destroy(): void
}

export function senderOf(client: RedisClient): RedisSender {
  if (typeof client === 'function') return client
  if ('call' in client) return ([command = '', ...args]) => client.call(command, ...args)
  return (words) => client.sendCommand([...words])
}

export interface Listener {
  /** Something was said on the channel, or may have been: it is listened to anew. */
  onNews(): void
  /** Nothing will be heard any more. */
  onEnd(): void
}

/** Listens on a connection of its own, which the client opens again when it breaks. Gives what closes it. */
export function listenWith(client: Exclude<RedisClient, RedisSender>, channel: string, listener: Listener): () => void {
  const { onNews, onEnd } = listener
  // What is wrong with the server, the calls tell.
  const ignore = (): void => undefined
  if ('call' in client) {
    const own = client.duplicate()
    const subscribe = (): void => void own.subscribe(channel).then(onNews, ignore)
    own.on('error', ignore)
    own.on('message', onNews)
    own.on('end', onEnd)
    // Without a queue for commands it takes none before it is ready.
    own.on('ready', subscribe)
    subscribe()
    return () => own.disconnect()
  }
  const own = client.duplicate()
  own.on('error', ignore)
  own.on('end', onEnd)
  // What was said while it was cut is heard by looking.
  own.on('ready', onNews)
  own.connect().then(() => own.subscribe(channel, onNews)).then(onNews, onEnd) // prettier-ignore
  return () => own.destroy()
}
