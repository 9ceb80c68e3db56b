/** NextTokens as the List operations take and refuse them. The texts of AWS are unknown. */
import { KinesisError } from '@millrace/protocol'

import { openListToken, sealListToken } from '../streams/list-token.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

/** Every token belongs to one account and region. */
interface Owner {
  readonly account: string
  readonly region: string
}

export function makeNextToken<State extends object>(
  operation: string,
  state: State,
  { seal, clock }: ServiceParts,
  { account, region }: OperationContext,
): string {
  const owner: Owner = { account, region }
  return sealListToken(seal, operation, { ...state, ...owner }, clock.now())
}

export function readNextToken<State extends object>(
  operation: string,
  token: string,
  { seal, clock }: ServiceParts,
  { account, region }: OperationContext,
): State {
  const opened = openListToken<State & Owner>(seal, operation, token, clock.now())
  if ('fault' in opened) {
    throw opened.fault === 'expired'
      ? new KinesisError('ExpiredNextTokenException', 'NextToken has expired: it is valid for 300 seconds.')
      : invalidArgument('Invalid NextToken.')
  }
  if (opened.state.account !== account || opened.state.region !== region) throw invalidArgument('Invalid NextToken.')
  return opened.state
}
