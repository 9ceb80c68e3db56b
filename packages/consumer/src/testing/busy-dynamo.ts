/**
 * DynamoDB's protocol over memory, on a virtual clock, as one thread serves it: one call after another, each for as long as it
 * has items to read or write, also those that nobody waits for any more. Knows what our lease store sends, and no more.
 */
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { assert, type Clock, untilAborted } from '@millrace/std'

type Item = Record<string, AttributeValue>

/** What a call costs, and each item that a scan reads, ms: as `dynalite` takes on a machine that is busy with other things. */
const CALL_MS = 4
const ITEM_MS = 1

interface Call {
  readonly command: unknown
  readonly settle: (answer: () => object) => void
}

interface Conditions {
  readonly ConditionExpression?: string | undefined
  readonly ExpressionAttributeNames?: Record<string, string> | undefined
  readonly ExpressionAttributeValues?: Record<string, AttributeValue> | undefined
}

export class BusyDynamo {
  readonly client: DynamoDBClient
  /** How often longer each call takes than it does on a good day. */
  slowness = 1
  readonly #clock: Clock
  readonly #tables = new Map<string, Map<string, Item>>()
  readonly #waiting: Call[] = []
  #isBusy = false

  constructor(clock: Clock) {
    this.#clock = clock
    const send = (command: unknown, { abortSignal }: { abortSignal?: AbortSignal } = {}): Promise<object> =>
      untilAborted(this.#queued(command), abortSignal)
    this.client = { send } as unknown as DynamoDBClient
  }

  #queued(command: unknown): Promise<object> {
    const answered = new Promise<object>((resolve, reject) => {
      const settle: Call['settle'] = (answer) => {
        try {
          resolve(answer())
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.push({ command, settle })
    })
    this.#serve()
    return answered
  }

  #serve(): void {
    const call = this.#isBusy ? undefined : this.#waiting.shift()
    if (call === undefined) return
    this.#isBusy = true
    this.#clock.setTimer(this.#costMs(call.command) * this.slowness, () => {
      this.#isBusy = false
      call.settle(() => this.#answer(call.command))
      this.#serve()
    })
  }

  #costMs(command: unknown): number {
    return CALL_MS + (command instanceof ScanCommand ? this.#page(command).length * ITEM_MS : 0)
  }

  #table(name: string | undefined): Map<string, Item> {
    const table = this.#tables.get(name ?? '') ?? new Map<string, Item>()
    this.#tables.set(name ?? '', table)
    return table
  }

  #page({ input: { TableName, ExclusiveStartKey: from, Limit: limit = Infinity } }: ScanCommand): readonly Item[] {
    const items = [...this.#table(TableName).values()]
    const at = from === undefined ? 0 : items.findIndex((item) => keyOf(item) === keyOf(from)) + 1
    return items.slice(at, at + limit)
  }

  #answer(command: unknown): object {
    if (command instanceof ScanCommand) {
      const page = this.#page(command)
      const isWhole = page.length < (command.input.Limit ?? Infinity)
      return { Items: page, LastEvaluatedKey: isWhole ? undefined : page.at(-1) }
    }
    if (command instanceof GetItemCommand) {
      const { TableName, Key } = command.input
      return { Item: this.#table(TableName).get(keyOf(Key)) }
    }
    if (command instanceof PutItemCommand) {
      const { TableName, Item: item = {}, ...conditions } = command.input
      this.#expect(TableName, item, conditions)
      this.#table(TableName).set(keyOf(item), item)
      return {}
    }
    if (command instanceof DeleteItemCommand) {
      const { TableName, Key, ...conditions } = command.input
      this.#expect(TableName, Key, conditions)
      this.#table(TableName).delete(keyOf(Key))
      return {}
    }
    if (command instanceof UpdateItemCommand) {
      const { TableName, Key, UpdateExpression = '', ...conditions } = command.input
      this.#expect(TableName, Key, conditions)
      const table = this.#table(TableName)
      const item = updated(table.get(keyOf(Key)) ?? { ...Key }, UpdateExpression, conditions)
      table.set(keyOf(Key), item)
      return { Attributes: item }
    }
    // Of a table: it is there.
    return { Table: { TableStatus: 'ACTIVE' } }
  }

  #expect(table: string | undefined, key: Item | undefined, conditions: Conditions): void {
    const item = this.#table(table).get(keyOf(key))
    if (!isMet(item, conditions))
      throw new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: {} })
  }
}

function keyOf(item: Item | undefined): string {
  return item?.['leaseKey']?.S ?? item?.['worker']?.S ?? ''
}

/** `a = :a AND attribute_not_exists(b)`. */
function isMet(item: Item | undefined, conditions: Conditions): boolean {
  const { ConditionExpression: expression, ExpressionAttributeValues: values = {} } = conditions
  if (expression === undefined) return true
  return expression.split(' AND ').every((part) => {
    const absent = /^attribute_not_exists\((.+)\)$/.exec(part)?.[1]
    if (absent !== undefined) return item?.[nameOf(absent, conditions)] === undefined
    const [name = '', value = ''] = part.split(' = ')
    return JSON.stringify(item?.[nameOf(name, conditions)]) === JSON.stringify(values[value])
  })
}

/** `SET a = :a, b = :b REMOVE c, d ADD e :e`, each clause once at most. */
function updated(item: Item, expression: string, conditions: Conditions): Item {
  const after = { ...item }
  const { ExpressionAttributeValues: values = {} } = conditions
  const clauses = expression.split(/\s*\b(SET|REMOVE|ADD) /).slice(1)
  for (let at = 0; at < clauses.length; at += 2) {
    for (const part of (clauses[at + 1] ?? '').split(', ')) {
      const [first = '', ...rest] = part.split(' ')
      const name = nameOf(first, conditions)
      const value = values[rest.at(-1) ?? '']
      if (clauses[at] === 'REMOVE') delete after[name]
      else {
        assert(value !== undefined, `a value for ${part}`)
        after[name] = clauses[at] === 'SET' ? value : { N: String(Number(item[name]?.N ?? 0) + Number(value.N)) }
      }
    }
  }
  return after
}

function nameOf(name: string, { ExpressionAttributeNames: names = {} }: Conditions): string {
  return names[name] ?? name
}
