/**
 * The environment as it is handed in. Only the command reads `process.env`; libraries are told. Set but empty counts
 * as not set, as everywhere in AWS's tools.
 */
export type Environment = Readonly<Record<string, string | undefined>>

export function readVariable(
  env: Environment,
  ...names: readonly string[]
): { value: string; name: string } | undefined {
  for (const name of names) {
    const value = env[name]
    if (value !== undefined && value !== '') return { value, name }
  }
  return undefined
}

export function isTrue(value: string | undefined): boolean {
  return value?.trim().toLowerCase() === 'true'
}
