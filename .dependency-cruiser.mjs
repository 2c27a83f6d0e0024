/**
 * Import directions.
 * Agent: main → http, with `mcp` inside it → callbacks → runs → login → claude, with `store` and `workspace` below runs, and `gateway` above
 * login. `http/api` describes the interface and imports nothing of these; `http/page` draws.
 * Stack: index → components | azure → config | session. `pulumi-internals` has the code that depends on how Pulumi works inside. `cli`
 * and `plan` run the program; commands of `cli` share `cli/system` and `cli/arguments` (backup and restore also
 * `cli/archive`), and never import each other.
 */
const forbid = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });
const path = (...names) => ({ path: `^(${names.join('|')})` });
/** The types of the interface, which `http/api` derives from its schemas, may be imported by all. */
const HTTP = 'agent/(mcp/|http/(?!api/))';

/** Files and folders of `stack/cli` that implement a command. */
const COMMANDS = 'up|preview|plan|refresh|down|rollback|login|caller|doctor|backup|restore|pulumi';

export default {
  forbidden: [
    forbid('no-circular', {}, { circular: true }, 'A cycle has no first file to read.'),
    forbid(
      'agent-stands-alone',
      path('agent/'),
      path('stack/', 'watchdog/', 'test/'),
      'The image runs the agent without the rest.',
    ),
    forbid('nothing-imports-main', {}, path('(agent|watchdog|stack/cli)/main\\.ts'), 'A program is started.'),
    forbid(
      'claude-is-the-last-layer',
      path('agent/claude/'),
      path(HTTP, 'agent/(runs|store|login|callbacks|workspace|conversations|decisions)/'),
      'What starts the CLI knows nothing of runs, logins or the store of conversations.',
    ),
    forbid(
      'runners-know-processes-only',
      path('agent/runner/'),
      path('agent/http/(?!server)', 'agent/(runs|login|callbacks|workspace|conversations|backup)/', 'agent/settings'),
      'A runner starts the CLI and has nothing else of the agent.',
    ),
    forbid(
      'conversations-stand-alone',
      path('agent/conversations/'),
      path(HTTP, 'agent/(runs|store|login|callbacks|workspace|claude|backup)/'),
      'Whoever starts the CLI brings conversations to it.',
    ),
    forbid(
      'one-way-to-processes',
      {
        path: '^agent/',
        pathNot: '^agent/(compose\\.ts|claude/(local-host|local-program|sweep|proc)\\.ts|runner/[^/]+\\.ts)$',
      },
      path('agent/claude/(local-host|local-program|sweep|proc)\\.ts'),
      'What reads the CLI works on any host; only compose.ts knows which.',
    ),
    forbid(
      'gateway-knows-no-runs',
      path('agent/gateway/'),
      path(HTTP, 'agent/(callbacks|runs|store|conversations|backup)/'),
      'It knows a run by its token.',
    ),
    forbid(
      'gateway-is-composed',
      path('agent/(callbacks|runs|login|claude|store|workspace|conversations|backup)/'),
      path('agent/gateway/'),
      'Whoever needs it gets it as a dependency.',
    ),
    forbid(
      'decisions-below-runs',
      path('agent/decisions/'),
      path(HTTP, 'agent/(callbacks|runs|login|workspace|backup|gateway|runner)/'),
      'What a person decides is known to runs, and not the other way round.',
    ),
    forbid(
      'steps-below-runs',
      path('agent/steps/'),
      path(HTTP, 'agent/(callbacks|runs|login|workspace|backup|gateway|runner|conversations|decisions|claude)/'),
      'What Claude did is known to runs, and not the other way round.',
    ),
    forbid(
      'quota-below-runs',
      path('agent/quota/'),
      path(HTTP, 'agent/(callbacks|runs|login|workspace|backup|gateway|runner|conversations|decisions|claude|steps)/'),
      'It learns how runs end, and does not know what they are.',
    ),
    forbid('login-below-runs', path('agent/login/'), path(HTTP, 'agent/(callbacks|runs)/'), ''),
    forbid('runs-below-http', path('agent/runs/'), path(HTTP, 'agent/callbacks/'), ''),
    forbid(
      'store-and-workspace-below-runs',
      path('agent/(store|workspace)/'),
      path(HTTP, 'agent/(callbacks|runs|login|backup|decisions)/'),
      'Records and folders know nothing of who uses them.',
    ),
    forbid(
      'backup-needs-the-store-only',
      path('agent/backup/'),
      path(HTTP, 'agent/(callbacks|runs|login|claude|workspace)/'),
      'Its programs run next to the agent, not in it.',
    ),
    forbid('callbacks-below-http', path('agent/callbacks/'), path(HTTP), ''),
    forbid('page-below-routes', path('agent/http/page/'), path('agent/http/(app|routes/)'), ''),
    forbid(
      'api-describes-only',
      path('agent/http/api/'),
      path('agent/(runs|store|claude|login|callbacks|workspace|decisions)/', 'agent/http/(?!api/)'),
      '',
    ),
    forbid(
      'mcp-is-loaded-on-use',
      path('agent/'),
      { path: '^agent/mcp/server\\.ts$', dynamic: false, dependencyTypesNot: ['type-only'] },
      'Its SDK costs nothing before the first request.',
    ),
    forbid(
      'tracing-below-runs',
      path('agent/tracing/'),
      path(HTTP, 'agent/(callbacks|runs|login|workspace|backup|runner|conversations|decisions|steps)/'),
      'It learns what happens to runs, and does nothing with them.',
    ),
    forbid(
      'opentelemetry-is-loaded-on-use',
      { path: '^agent/', pathNot: '^agent/tracing/otlp\\.ts$' },
      {
        path: '^agent/tracing/otlp\\.ts$|node_modules/@opentelemetry/',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
      'Without a collector, nothing of the SDK is loaded.',
    ),
    forbid('routes-below-app', path('agent/http/(?!app|server)'), path('agent/http/(app|server)'), ''),
    forbid(
      'watchdog-talks-http',
      path('watchdog/'),
      path('agent/', 'stack/', 'test/'),
      'The watchdog knows the agent by its HTTP interface alone.',
    ),
    forbid(
      'stack-imports-contracts-only',
      path('stack/'),
      {
        path: '^(agent|watchdog|test)/',
        pathNot:
          '^(agent|watchdog)/contract\\.ts$|^agent/(claude-settings-keys|rule-values|(budgets|callers|git|http/reach|tracing)/rules|git/address)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
      'The stack shares names with the programs, and the shapes of what they send; not code.',
    ),
    forbid('config-reads-only', path('stack/(config|session)/'), path('stack/(index|components|azure|plan|cli)'), ''),
    forbid('components-below-index', path('stack/(components|azure)/'), path('stack/(index|plan|cli)'), ''),
    forbid('secrets-below-pods', path('stack/components/secrets/'), path('stack/components/(?!secrets/)'), ''),
    forbid('azure-is-a-target', path('stack/components/'), path('stack/azure/'), 'Only index.ts knows which target.'),
    forbid('plan-below-cli', path('stack/plan/'), path('stack/cli/'), ''),
    forbid(
      'internals-stand-alone',
      path('stack/pulumi-internals/'),
      path('stack/(index|components|azure|session|cli)'),
      '',
    ),
    forbid(
      'command-is-on-its-own',
      { path: `^stack/cli/(${COMMANDS})\\b` },
      { path: `^stack/cli/(?:${COMMANDS})\\b`, pathNot: '^stack/cli/$1\\b' },
      'Commands share `system`, and never import each other.',
    ),
    forbid(
      'system-below-commands',
      path('stack/cli/(system|arguments)/'),
      path('stack/cli/(?!(system|arguments)/)'),
      '',
    ),
    forbid('arguments-below-system', path('stack/cli/arguments/'), path('stack/cli/system/'), ''),
    forbid('archive-below-commands', path('stack/cli/archive/'), path('stack/cli/(?!(archive|system|arguments)/)'), ''),
    forbid(
      'one-exec',
      { path: '^stack/', pathNot: '^stack/(exec\\.ts|cli/(archive|backup|restore)/)' },
      path('node_modules/execa/'),
      'One module runs programs, and tells why they failed.',
    ),
    forbid(
      'index-is-run-by-name',
      { pathNot: '^(stack/cli/(plan|up)/|test/)' },
      path('stack/index\\.ts'),
      'The program reads the config when it is imported.',
    ),
    forbid(
      'image-has-dependencies-only',
      path('agent/', 'watchdog/'),
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
