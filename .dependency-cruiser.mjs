/** Import directions. The agent's layers: main → app → routes → page → callbacks → runs → claude; each may import what stands to its right.
 * What the interface is, `api`, stands apart: app and routes are made from it. */
const forbid = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

export default {
  forbidden: [
    forbid('no-circular', {}, { circular: true }, 'A cycle has no first file to read.'),
    forbid(
      'agent-stands-alone',
      { path: '^agent/' },
      { path: '^(stack|watchdog|test)/' },
      'The image runs the agent without the rest.',
    ),
    forbid(
      'claude-is-the-last-layer',
      { path: '^agent/claude/' },
      { path: '^agent/(main|app|api/|routes/|page/|callbacks/|runs/)' },
      '',
    ),
    forbid(
      'runs-before-claude-only',
      { path: '^agent/runs/' },
      { path: '^agent/(main|app|api/|routes/|page/|callbacks/)' },
      '',
    ),
    forbid('page-below-routes', { path: '^agent/http/page/' }, { path: '^agent/(main|app|api/|routes/)' }, ''),
    forbid(
      'callbacks-below-routes',
      { path: '^agent/callbacks/' },
      { path: '^agent/(main|app|api/|routes/|page/)' },
      '',
    ),
    forbid(
      'api-describes-only',
      { path: '^agent/http/api/' },
      { path: '^agent/(main|app|routes/|page/|callbacks/|runs/|claude/)' },
      '',
    ),
    forbid('routes-below-app', { path: '^agent/http/routes/' }, { path: '^agent/(main|app)' }, ''),
    forbid('app-below-main', { path: '^agent/app' }, { path: '^agent/main' }, ''),
    forbid(
      'watchdog-talks-http',
      { path: '^watchdog/' },
      { path: '^(agent|stack|test)/' },
      'The watchdog knows the agent by its HTTP interface alone.',
    ),
    forbid(
      'stack-imports-contracts-only',
      { path: '^stack/' },
      { path: '^(agent|watchdog|test)/', pathNot: '^(agent|watchdog)/contract\\.ts$' },
      'The stack shares names with the programs, not code.',
    ),
    forbid(
      'image-has-dependencies-only',
      { path: '^(agent|watchdog)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
      'What the image runs is in dependencies.',
    ),
    forbid('resolvable', {}, { couldNotResolve: true }, ''),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules/node/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
