import {
  AGENT_ENV,
  CREDENTIAL_VARIABLES,
  FEDERATION_IDS,
  FEDERATION_VARIABLES,
  IDENTITY_TOKEN_VARIABLE,
  type AuthMode,
} from '../contract.ts';
import type { Federation } from './federation.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Ids = Omit<Federation, 'identityTokenFile'>;

const OPTIONAL: ReadonlySet<string> = new Set<keyof Ids>(['serviceAccountId', 'workspaceId']);
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Errors in the settings of the credential, except a missing file. */
export function credentialMistakes(mode: AuthMode | undefined, file: string | undefined, env: Environment): string[] {
  if (mode === undefined) return [];
  if (mode === 'session') {
    return file === undefined
      ? []
      : [`${AGENT_ENV.credentialFile} is set, but ${AGENT_ENV.authMode} is session, which does not use it.`];
  }
  const variable = mode === 'federation' ? IDENTITY_TOKEN_VARIABLE : CREDENTIAL_VARIABLES[mode];
  const missing =
    file !== undefined || env[variable]
      ? []
      : [
          `${AGENT_ENV.authMode} is ${mode}, but there is no credential. Set ` +
            `${AGENT_ENV.credentialFile} to the file that holds it, or set ${variable}.`,
        ];
  return mode === 'federation' ? [...missing, ...federationMistakes(env)] : missing;
}

/** The federation, from valid settings; undefined in other modes. */
export function readFederation(mode: AuthMode | undefined, file: string | undefined, env: Environment) {
  const identityTokenFile = file ?? env[IDENTITY_TOKEN_VARIABLE];
  if (mode !== 'federation' || identityTokenFile === undefined) return undefined;
  const given = Object.entries(FEDERATION_VARIABLES).flatMap(([id, name]) => (env[name] ? [[id, env[name]]] : []));
  return { identityTokenFile, ...(Object.fromEntries(given) as Ids) } satisfies Federation;
}

/** Warnings about credentials that are set but belong to another mode. */
export function strayCredentials(mode: AuthMode | undefined, env: Environment): string[] {
  const owners = [...Object.entries(CREDENTIAL_VARIABLES), ['federation', FEDERATION_VARIABLES.ruleId] as const];
  return owners
    .filter(([itsMode, variable]) => itsMode !== mode && env[variable])
    .map(([itsMode, variable]) => `${variable} is set but not used: ${AGENT_ENV.authMode} is ${mode}, not ${itsMode}.`);
}

function federationMistakes(env: Environment): string[] {
  const wrong = Object.entries(FEDERATION_VARIABLES).flatMap(([id, name]) => {
    const { pattern, allowed } = FEDERATION_IDS[id as keyof Ids];
    const value = env[name] ?? '';
    if (pattern.test(value) || (value === '' && OPTIONAL.has(id))) return [];
    return [`${name} is ${value === '' ? 'not set' : JSON.stringify(value)}; it must be ${allowed}.`];
  });
  const baseUrl = env['ANTHROPIC_BASE_URL'];
  if (baseUrl === undefined || sendsIdentityTo(baseUrl)) return wrong;
  return [
    ...wrong,
    `ANTHROPIC_BASE_URL is ${JSON.stringify(baseUrl)}; with ${AGENT_ENV.authMode} federation it must be an https URL: ` +
      'claude sends identity tokens only over https, or to this machine.',
  ];
}

function sendsIdentityTo(baseUrl: string): boolean {
  const url = URL.parse(baseUrl);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
}
