/** A worker of the AWS KCL for Java in a process of its own, and what it says it did. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export class KclWorker {
  /** In the order in which it processed them. */
  records = []
  /** `ended shardId-…` and the like, in order. */
  events = []
  #child

  constructor({ classPath, stream, application, worker, retrieval, failoverMs, kinesis, tables }) {
    const options = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    this.#child = spawn('java', [...options, '-cp', classPath, 'Consumer'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        STREAM: stream,
        APPLICATION: application,
        WORKER: worker,
        RETRIEVAL: retrieval,
        FAILOVER_MS: String(failoverMs),
        KINESIS_ENDPOINT: kinesis,
        DYNAMODB_ENDPOINT: tables,
      },
    })
    this.exited = once(this.#child, 'exit').then(([code, signal]) => code ?? signal)
    createInterface(this.#child.stdout).on('line', (line) => {
      const [what, shardId, sequenceNumber, key, text] = line.split(' ')
      if (what === 'record') this.records.push({ shardId, sequenceNumber, key, text })
      else this.events.push(line)
    })
  }

  /** In order. The exit code. */
  stop() {
    this.#child.stdin.end()
    return this.exited
  }

  kill() {
    this.#child.kill('SIGKILL')
    return this.exited
  }
}
