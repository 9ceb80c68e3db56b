/**
 * What a profile of the shared files says: a role to assume, keys, or a process to ask. In AWS's order; single sign-on
 * and second factors need a person at a browser, and are left to AWS's own command, whose result we can read.
 */
import { CredentialsError } from '../errors.ts'
import type { Profile } from '../settings/profiles.ts'
import { fromContainer, readTokenFile } from './container-source.ts'
import type { Credentials } from './credentials.ts'
import type { CredentialSource, SourceContext } from './credential-source.ts'
import { fromEnvironment } from './environment-source.ts'
import { fromInstance } from './instance-source.ts'
import { fromProcess } from './process-source.ts'
import { assumeRole, assumeRoleWithWebIdentity, type Role } from './sts.ts'

export const fromProfile: CredentialSource = async (context) => {
  const { profiles, profile } = context
  const found = profiles.find(profile.name)
  if (found === undefined && profile.explicit)
    throw new CredentialsError(`Expected a profile ${profile.name} in ${profiles.files}, found none.`)
  return found === undefined ? undefined : ofProfile(found, context, [])
}

/** `visited`: the profiles whose roles are being assumed on the way here. */
async function ofProfile(
  profile: Profile,
  context: SourceContext,
  visited: readonly string[],
): Promise<Credentials | undefined> {
  const { name, values } = profile
  const keys = staticKeys(profile)
  const role = values.get('role_arn')
  // A profile may name itself as the source of its role: then its keys are meant.
  if (role !== undefined && !(visited.includes(name) && keys !== undefined))
    return assumed(role, profile, context, [...visited, name])
  for (const setting of ['sso_session', 'sso_start_url', 'login_session'])
    if (values.has(setting) && keys === undefined) throw needsAwsCommand(name, setting)
  if (keys !== undefined) return keys
  const command = values.get('credential_process')
  return command === undefined || command === '' ? undefined : fromProcess(command, name, context)
}

async function assumed(
  arn: string,
  { name, values }: Profile,
  context: SourceContext,
  visited: readonly string[],
): Promise<Credentials> {
  if (values.has('mfa_serial')) throw needsAwsCommand(name, 'mfa_serial')
  const role: Role = {
    arn,
    sessionName: values.get('role_session_name'),
    externalId: values.get('external_id'),
    durationSeconds: values.get('duration_seconds'),
  }
  const tokenFile = values.get('web_identity_token_file')
  if (tokenFile !== undefined) {
    const token = await readTokenFile(tokenFile, `web_identity_token_file in profile ${name}`)
    return assumeRoleWithWebIdentity(role, token, context)
  }
  const keys = await assumingKeys(name, values, context, visited)
  return assumeRole(role, keys, context)
}

const namedSources: ReadonlyMap<string, CredentialSource> = new Map([
  ['Environment', (context) => fromEnvironment({ ...context, profile: { ...context.profile, explicit: false } })],
  ['EcsContainer', fromContainer],
  ['Ec2InstanceMetadata', fromInstance],
])

async function assumingKeys(
  name: string,
  values: Profile['values'],
  context: SourceContext,
  visited: readonly string[],
): Promise<Credentials> {
  const sourceProfile = values.get('source_profile')
  const credentialSource = values.get('credential_source')
  let keys: Credentials | undefined
  let where: string
  if (sourceProfile !== undefined) {
    where = `source_profile = ${sourceProfile}`
    if (visited.includes(sourceProfile) && sourceProfile !== name)
      throw new CredentialsError(
        `The source_profile settings go in a circle: ${[...visited, sourceProfile].join(' → ')}.`,
      )
    const source = context.profiles.find(sourceProfile)
    keys = source === undefined ? undefined : await ofProfile(source, context, visited)
  } else if (credentialSource !== undefined) {
    where = `credential_source = ${credentialSource}`
    keys = await namedSources.get(credentialSource)?.(context)
  } else {
    throw new CredentialsError(
      `Profile ${name} has a role_arn: expected source_profile, credential_source or web_identity_token_file beside ` +
        'it, found none.',
    )
  }
  if (keys === undefined)
    throw new CredentialsError(`Profile ${name}: ${where} gives no credentials to assume the role.`)
  return keys
}

function staticKeys({ name, values }: Profile): Credentials | undefined {
  const accessKeyId = values.get('aws_access_key_id')
  const secretAccessKey = values.get('aws_secret_access_key')
  if (!accessKeyId && !secretAccessKey) return undefined
  if (!accessKeyId || !secretAccessKey)
    throw new CredentialsError(
      `Profile ${name}: expected aws_access_key_id and aws_secret_access_key, found only one of them.`,
    )
  const sessionToken = values.get('aws_session_token')
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}), source: `profile ${name}` }
}

/** A profile that only AWS's own command can turn into keys. Nothing is wrong with it. */
export class NeedsAwsCommandError extends CredentialsError {}

function needsAwsCommand(name: string, setting: string): CredentialsError {
  return new NeedsAwsCommandError(
    `Profile ${name} uses ${setting}, which is not supported here. Make another profile with ` +
      `"credential_process = aws configure export-credentials --profile ${name}", or put the output of ` +
      `"aws configure export-credentials --profile ${name} --format env" into the environment.`,
  )
}
