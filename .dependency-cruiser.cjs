/**
 * The rooms of the house and who may enter which. `docs/ARCHITECTURE.md` says why; this file is what holds.
 *
 *   contracts ← core ← stores ← pipeline ← activities ← workers
 *   contracts ← core ← workflows ← client
 */

/** What each room may import besides itself. */
const ROOMS = {
  contracts: [],
  core: ['contracts'],
  stores: ['contracts', 'core'],
  pipeline: ['contracts', 'core', 'stores'],
  activities: ['contracts', 'core', 'stores', 'pipeline'],
  workflows: ['contracts', 'core'],
  config: ['contracts', 'core'],
  workers: ['contracts', 'core', 'stores', 'pipeline', 'activities', 'config'],
  client: ['contracts', 'core', 'stores', 'workflows', 'config', 'workers'],
};

const roomRules = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `src/${room} may import ${['itself', ...allowed].join(', ')}${room === 'workflows' ? ', and activities as types' : ''}.`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/(${[room, ...allowed, ...(room === 'workflows' ? ['activities'] : [])].join('|')})/` },
}));

/** Packages that belong to some rooms only. */
const packageRule = (name, packages, rooms) => ({
  name,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/(${rooms.join('|')})/` },
  to: { path: `(^|/)node_modules/(${packages})` },
});

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'workflows-know-activities-by-type',
      comment: 'A value import would pull Node, the S3 client and the clock into the workflow sandbox.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    packageRule('aws-only-in-stores', '@(aws-sdk|smithy)/', ['stores']),
    packageRule('temporal-worker', '@temporalio/worker', ['workers', 'client']),
    packageRule('temporal-activity', '@temporalio/activity', ['activities', 'workers']),
    packageRule('temporal-workflow', '@temporalio/workflow', ['workflows']),
    packageRule('no-temporal-below-activities', '@temporalio/', ['activities', 'workers', 'workflows', 'client', 'config']),
    {
      name: 'contracts-import-zod-only',
      severity: 'error',
      from: { path: '^src/contracts/' },
      to: { pathNot: '^src/|(^|/)node_modules/zod/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'pure-rooms-have-no-built-ins',
      comment: 'Core and contracts run in the workflow sandbox too. Buffer is the one exception.',
      severity: 'error',
      from: { path: '^src/(core|contracts|workflows)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'no-test-code-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'] },
  },
};
