/** `AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN`, as Kubernetes and CI systems set them. */
import { readVariable } from '../settings/environment.ts'
import { readTokenFile } from './container-source.ts'
import type { CredentialSource } from './credential-source.ts'
import { assumeRoleWithWebIdentity } from './sts.ts'

export const fromWebIdentity: CredentialSource = async (context) => {
  const { env, profile } = context
  const file = readVariable(env, 'AWS_WEB_IDENTITY_TOKEN_FILE')
  const arn = readVariable(env, 'AWS_ROLE_ARN')
  if (profile.explicit || file === undefined || arn === undefined) return undefined
  const token = await readTokenFile(file.value, file.name)
  const sessionName = readVariable(env, 'AWS_ROLE_SESSION_NAME')?.value
  return assumeRoleWithWebIdentity({ arn: arn.value, sessionName }, token, context)
}
