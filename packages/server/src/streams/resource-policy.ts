/**
 * Whether a text is a resource policy for one resource: a document in IAM's JSON language whose statements say who may
 * do what with that resource. What a policy allows is judged elsewhere.
 */
/** Bytes of a policy in UTF-8: what IAM allows one document of a resource. */
export const POLICY_BYTES_MAX = 20 * 1024

const VERSION = '2012-10-17'

/** What is wrong with the text as the policy of `arn`, for people: what was expected, and what was found. */
export function policyFault(text: string, arn: string): string | undefined {
  const bytes = Buffer.byteLength(text)
  if (bytes > POLICY_BYTES_MAX) return `it has ${bytes} bytes; a policy may have at most ${POLICY_BYTES_MAX}`
  let policy: unknown
  try {
    policy = JSON.parse(text)
  } catch {
    return 'it is not JSON'
  }
  if (!isObject(policy)) return 'it is not a JSON object'
  if (policy['Version'] !== VERSION) return `its Version must be '${VERSION}'`
  const statements = listOf(policy['Statement'])
  if (statements.length === 0) return 'it has no Statement'
  for (const [index, statement] of statements.entries()) {
    const fault = statementFault(statement, arn)
    if (fault !== undefined) return `Statement ${index + 1}: ${fault}`
  }
  return undefined
}

function statementFault(statement: unknown, arn: string): string | undefined {
  if (!isObject(statement)) return 'it is not a JSON object'
  const { Effect: effect, Principal: principal } = statement
  if (effect !== 'Allow' && effect !== 'Deny') return "its Effect must be 'Allow' or 'Deny'"
  if (principal === undefined) return 'it has no Principal'
  const actions = listOf(statement['Action'])
  if (actions.length === 0 || !actions.every((action) => typeof action === 'string' && /^kinesis:/i.test(action)))
    return "its Action must be one or more actions of 'kinesis'"
  const resources = listOf(statement['Resource'])
  if (resources.length === 0 || !resources.every((resource) => resource === arn)) return `its Resource must be ${arn}`
  return undefined
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
