import { DisableEnhancedMonitoring } from '@millrace/protocol'

import { setMonitoring } from './enhanced-monitoring.ts'
import { handle } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Has metrics no longer reported of each shard. */
export const disableEnhancedMonitoring = handle(DisableEnhancedMonitoring, (input, service, context) => {
  const key = streamKeyOf(input, DisableEnhancedMonitoring.name, context)
  return setMonitoring(key, input.ShardLevelMetrics, (was, isNamed) => was && !isNamed, service, context)
})
