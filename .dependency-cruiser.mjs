/** The direction of the house: no line knows of a line above it (ARCHITECTURE.md). */
const layers = {
  std: [],
  protocol: [],
  log: ['std'],
  client: ['protocol', 'std'],
  consumer: ['client', 'protocol', 'std'],
  server: ['log', 'protocol', 'std'],
  cli: ['server', 'consumer', 'client', 'protocol', 'std'],
}
const forbidden = Object.entries(layers).map(([layer, below]) => ({
  name: `${layer}-knows-only-below`,
  comment: `packages/${layer} may import of ours only: ${below.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^packages/${layer}/src` },
  to: { path: `^packages/(?!(${[layer, ...below].join('|')})/)` },
}))
export default {
  forbidden: [
    ...forbidden,
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'protocol-does-no-io',
      comment: 'protocol is pure: bytes in, bytes out',
      severity: 'error',
      from: { path: '^packages/protocol/src', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|http|https|http2|tls|dns|child_process|worker_threads)(/|$)',
      },
    },
    {
      name: 'streams-is-pure',
      comment: 'the domain model knows no engine, no HTTP, no I/O',
      severity: 'error',
      from: { path: '^packages/server/src/streams', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/(http|engine/embedded|engine/memory|operations|background|telemetry|auth)' },
    },
    {
      name: 'operations-know-the-port-not-an-engine',
      severity: 'error',
      from: { path: '^packages/server/src/operations', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/(engine/(embedded|memory)|http)/' },
    },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'dist'] },
    exclude: { path: ['(^|/)dist/', 'node_modules'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
  },
}
