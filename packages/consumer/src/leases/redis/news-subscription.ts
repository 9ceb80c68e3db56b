/** Hears from Redis when there is news of an application. Where it cannot listen, beats find the news by their own rhythm. */
import type { NewsBell } from '../news-bell.ts'
import { listenWith, type RedisClient, type RedisSender } from './redis-client.ts'

export class NewsSubscription {
  readonly #client: Exclude<RedisClient, RedisSender>
  readonly #channel: string
  readonly #bell: NewsBell
  #end: (() => void) | undefined
  #closed = false

  constructor(client: Exclude<RedisClient, RedisSender>, channel: string, bell: NewsBell) {
    this.#client = client
    this.#channel = channel
    this.#bell = bell
  }

  /** Listens, if it does not; nobody waits for it. */
  listen(): void {
    if (this.#closed || this.#end !== undefined) return
    const onEnd = (): void => {
      if (this.#end === end) this.#stop()
    }
    const end = listenWith(this.#client, this.#channel, { onNews: () => this.#bell.ring(), onEnd })
    this.#end = end
  }

  close(): void {
    this.#closed = true
    this.#stop()
  }

  #stop(): void {
    const end = this.#end
    this.#end = undefined
    try {
      end?.()
    } catch {
      // It had ended by itself.
    }
  }
}
