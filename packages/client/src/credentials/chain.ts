/**
 * Where keys are looked for, in the order that AWS's command and SDKs share. The first source that has any is
 * asked again for every renewal, by going through the chain again: what it has may have moved.
 */
import { CredentialsError } from '../errors.ts'
import { fromContainer } from './container-source.ts'
import type { Credentials } from './credentials.ts'
import type { CredentialSource, SourceContext } from './credential-source.ts'
import { fromEnvironment } from './environment-source.ts'
import { fromInstance } from './instance-source.ts'
import { fromProfile, NeedsAwsCommandError } from './profile-source.ts'
import { fromWebIdentity } from './web-identity-source.ts'

const onThisMachine: readonly CredentialSource[] = [fromEnvironment, fromWebIdentity, fromProfile, fromContainer]

export async function findCredentials(context: SourceContext): Promise<Credentials> {
  const found = await firstOf([...onThisMachine, fromInstance], context)
  if (found !== undefined) return found
  throw new CredentialsError(
    `No credentials found: not in the environment (AWS_ACCESS_KEY_ID), not in profile ${context.profile.name} of ` +
      `${context.profiles.files}, and there is no container or instance role. Set AWS_ACCESS_KEY_ID and ` +
      'AWS_SECRET_ACCESS_KEY, or run "aws configure".',
  )
}

/**
 * For a server on this machine: what the user has set up, and otherwise keys that are nobody's. Such a server takes
 * any (`--auth none`), or answers that it does not know these. The instance's metadata service is not waited for, and
 * a profile meant for AWS that needs a sign-in there does not stand in the way.
 */
export async function findLocalCredentials(context: SourceContext): Promise<Credentials> {
  try {
    return (await firstOf(onThisMachine, context)) ?? madeUp
  } catch (error) {
    if (error instanceof NeedsAwsCommandError) return madeUp
    throw error
  }
}

const madeUp: Credentials = {
  accessKeyId: 'local',
  secretAccessKey: 'local',
  source: 'none set: made up for a local server',
}

async function firstOf(sources: readonly CredentialSource[], context: SourceContext): Promise<Credentials | undefined> {
  for (const source of sources) {
    const found = await source(context)
    if (found !== undefined) return found
  }
  return undefined
}
