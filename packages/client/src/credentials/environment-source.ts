/** `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`. A profile named in so many words comes first. */
import { CredentialsError } from '../errors.ts'
import { readVariable } from '../settings/environment.ts'
import type { CredentialSource } from './credential-source.ts'
import { parseExpiration } from './credentials-document.ts'

export const fromEnvironment: CredentialSource = async ({ env, profile }) => {
  if (profile.explicit) return undefined
  const key = readVariable(env, 'AWS_ACCESS_KEY_ID')
  const secret = readVariable(env, 'AWS_SECRET_ACCESS_KEY')
  if (key === undefined && secret === undefined) return undefined
  if (key === undefined || secret === undefined)
    throw new CredentialsError(
      `${(key ?? secret)?.name} is set, ${key === undefined ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY'} is not: ` +
        'set both or neither.',
    )
  const token = readVariable(env, 'AWS_SESSION_TOKEN')
  const expiration = readVariable(env, 'AWS_CREDENTIAL_EXPIRATION')
  return {
    accessKeyId: key.value,
    secretAccessKey: secret.value,
    ...(token === undefined ? {} : { sessionToken: token.value }),
    ...(expiration === undefined ? {} : { expiresAtMs: parseExpiration(expiration.value, expiration.name) }),
    source: 'environment',
  }
}
