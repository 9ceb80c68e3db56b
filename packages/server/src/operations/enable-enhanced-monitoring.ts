import { EnableEnhancedMonitoring } from '@millrace/protocol'

import { setMonitoring } from './enhanced-monitoring.ts'
import { handle } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Has metrics reported of each shard, beside those that are already. */
export const enableEnhancedMonitoring = handle(EnableEnhancedMonitoring, (input, service, context) => {
  const key = streamKeyOf(input, EnableEnhancedMonitoring.name, context)
  return setMonitoring(key, input.ShardLevelMetrics, (was, isNamed) => was || isNamed, service, context)
})
