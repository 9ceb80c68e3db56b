/**
 * The endpoints of AWS itself, by region: `kinesis.REGION.SUFFIX`, where the suffix is the partition's. As the
 * published endpoint rules say, with the variants for FIPS and for IPv6; not those by account, which only save a hop.
 */
export interface AwsEndpointVariant {
  readonly fips: boolean
  readonly dualStack: boolean
}

interface Partition {
  readonly regions: RegExp
  readonly suffix: string
  readonly dualStackSuffix: string
}

/** botocore's partitions.json (2026). A region that no row knows belongs to the first. */
const partitions: readonly Partition[] = [
  { regions: /^cn-/, suffix: 'amazonaws.com.cn', dualStackSuffix: 'api.amazonwebservices.com.cn' },
  { regions: /^eusc-/, suffix: 'amazonaws.eu', dualStackSuffix: 'api.amazonwebservices.eu' },
  { regions: /^us-iso-/, suffix: 'c2s.ic.gov', dualStackSuffix: 'api.aws.ic.gov' },
  { regions: /^us-isob-/, suffix: 'sc2s.sgov.gov', dualStackSuffix: 'api.aws.scloud' },
  { regions: /^eu-isoe-/, suffix: 'cloud.adc-e.uk', dualStackSuffix: 'api.cloud-aws.adc-e.uk' },
  { regions: /^us-isof-/, suffix: 'csp.hci.ic.gov', dualStackSuffix: 'api.aws.hci.ic.gov' },
]
const standard = { suffix: 'amazonaws.com', dualStackSuffix: 'api.aws' }

export function awsEndpoint(service: 'kinesis' | 'sts', region: string, variant: AwsEndpointVariant): string {
  const { suffix, dualStackSuffix } = partitions.find(({ regions }) => regions.test(region)) ?? standard
  // GovCloud's ordinary endpoint is the FIPS one.
  const fips = variant.fips && !(region.startsWith('us-gov-') && !variant.dualStack)
  return `https://${service}${fips ? '-fips' : ''}.${region}.${variant.dualStack ? dualStackSuffix : suffix}`
}
