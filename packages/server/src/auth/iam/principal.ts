/** Who asks, as IAM names them: the root of an account, a user, or a session of a role. */
import { createHash } from 'node:crypto'

import type { Policy } from './policy.ts'

export interface Principal {
  /** `arn:aws:iam::111122223333:user/ann`; of a session, `arn:aws:sts::111122223333:assumed-role/ROLE/SESSION`. */
  readonly arn: string
  /** 12 digits. */
  readonly account: string
  /** As `aws:PrincipalType` has it. */
  readonly type: 'Account' | 'User' | 'AssumedRole'
  /** Of a user. */
  readonly userName?: string
  /** Of a session: the role's, and its own name. */
  readonly roleArn?: string
  readonly sessionName?: string
  /** What it may do by itself, without resource policies. */
  readonly policies: readonly Policy[]
}

export function rootOf(account: string, policies: readonly Policy[]): Principal {
  return { arn: `arn:aws:iam::${account}:root`, account, type: 'Account', policies }
}

export function userOf(account: string, userName: string, policies: readonly Policy[]): Principal {
  const arn = `arn:aws:iam::${account}:user/${userName}`
  return { arn, account, type: 'User', userName, policies }
}

export function roleArnOf(account: string, role: string): string {
  return `arn:aws:iam::${account}:role/${role}`
}

export function sessionOf(account: string, role: string, session: string, policies: readonly Policy[]): Principal {
  const roleArn = roleArnOf(account, role)
  return {
    arn: `arn:aws:sts::${account}:assumed-role/${role}/${session}`,
    account,
    type: 'AssumedRole',
    roleArn,
    sessionName: session,
    policies,
  }
}

/** As STS tells it, and `aws:userid` has it. */
export function userIdOf({ account, arn, roleArn, sessionName, type }: Principal): string {
  if (type === 'Account') return account
  return roleArn === undefined ? uniqueId('AIDA', arn) : `${uniqueId('AROA', roleArn)}:${sessionName}`
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** In the shape of IAM's unique ids, but of the name: servers that share a file agree on it. */
function uniqueId(prefix: string, arn: string): string {
  const hash = createHash('sha256').update(arn).digest()
  return prefix + [...hash.subarray(0, 17)].map((byte) => LETTERS[byte % LETTERS.length]).join('')
}
