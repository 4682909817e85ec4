// Which way imports may point (ARCHITECTURE.md). `npm run check` plants a violation of every rule first: a rule that
// cannot fail would guard nothing.
const TEST = '(\\.test\\.ts$|/test/)';
const ENTRANCES = '^services/[^/]+/(app|config)\\.ts$';
const CONTRACT = '^services/[^/]+/contract/';

export default {
  forbidden: [
    {
      name: 'services-meet-at-contracts',
      comment: 'A service sees nothing of another but its contract.',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: TEST },
      to: { path: '^services/', pathNot: ['^services/$1/', CONTRACT] },
    },
    {
      name: 'service-tests-use-the-entrances',
      comment: 'A test may build another service; it still does not reach into its rooms.',
      severity: 'error',
      from: { path: '^services/([^/]+)/.*(\\.test\\.ts$|/test/)' },
      to: { path: '^services/', pathNot: ['^services/$1/', CONTRACT, ENTRANCES] },
    },
    {
      name: 'outsiders-use-the-entrances',
      comment: 'What spans services sees their contracts and can build their apps; rooms behind that stay closed.',
      severity: 'error',
      from: { path: '^(tests|deploy|bench|simulators)/' },
      to: { path: '^services/', pathNot: [CONTRACT, ENTRANCES] },
    },
    {
      name: 'packages-know-no-service',
      comment: 'Shared code that knows who shares it cannot be shared.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(services|simulators)/' },
    },
    {
      name: 'packages-know-no-deployment',
      comment: 'Packages run wherever a service runs; only their tests may start embedded stores.',
      severity: 'error',
      from: { path: '^packages/', pathNot: TEST },
      to: { path: '^(deploy|tests|bench)/' },
    },
    {
      name: 'domain-is-pure',
      comment:
        'Rules are plain functions over plain data: the kernel, their own problems, and each other. Types may come from elsewhere.',
      severity: 'error',
      from: { path: '^services/([^/]+)/domain/', pathNot: TEST },
      to: {
        pathNot: ['^services/$1/(domain/|problems\\.ts$)', '^packages/kernel/', '^(node:)?assert'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'store-stands-below',
      comment: 'The store knows tables and the domain, not what is done with them.',
      severity: 'error',
      from: { path: '^services/([^/]+)/store/', pathNot: TEST },
      to: { path: '^services/$1/(use-cases|routes|consumers|schedule|app\\.ts|start\\.ts)' },
    },
    {
      name: 'use-cases-know-no-transport',
      comment: 'The same verb serves a route, a consumer and the schedule.',
      severity: 'error',
      from: { path: '^services/([^/]+)/use-cases/', pathNot: TEST },
      to: { path: '^services/$1/(routes|consumers|schedule|app\\.ts|start\\.ts)' },
    },
    {
      name: 'transports-go-through-use-cases',
      comment: 'A route that reaches into the store would need rules of its own; the types of rows it may name.',
      severity: 'error',
      from: { path: '^services/([^/]+)/(routes|consumers|schedule)/', pathNot: TEST },
      to: { path: '^services/$1/(store/|app\\.ts|start\\.ts)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'container-only-in-app',
      comment: 'Everything else takes plain dependencies, so that tests need no container.',
      severity: 'error',
      from: { pathNot: ['^services/[^/]+/app\\.ts$', '^packages/kit/', TEST] },
      to: { path: '^packages/kit/import-manager/' },
    },
    {
      name: 'tests-stay-tests',
      comment: 'Nothing that runs in production may need a test.',
      severity: 'error',
      from: { path: '^(services|packages|simulators|deploy)/', pathNot: TEST },
      to: { path: ['\\.test\\.ts$', '^tests/', '/test/'], pathNot: 'node_modules' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'imports-resolve', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // Types are imports too: a cycle of types is a cycle for whoever reads it.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(node_modules|\\.tenantry|coverage)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'require', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
