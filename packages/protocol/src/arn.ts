/** Amazon Resource Names of streams. */

export interface StreamAddress {
  /** Twelve digits. */
  readonly account: string
  readonly region: string
  readonly name: string
}

/** The canonical name of a stream for the outside. */
export function streamArn({ account, region, name }: StreamAddress): string {
  return `arn:aws:kinesis:${region}:${account}:stream/${name}`
}

/** Any partition (`aws`, `aws-cn`, …). `undefined` if it is not the name of a stream. */
export function parseStreamArn(arn: string): StreamAddress | undefined {
  const match = /^arn:aws[^:]*:kinesis:([^:]*):(\d{12}):stream\/([a-zA-Z0-9_.-]{1,128})$/.exec(arn)
  if (match === null) return undefined
  const [, region = '', account = '', name = ''] = match
  return { account, region, name }
}
