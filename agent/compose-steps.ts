import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userSettingsOf } from './compose-login.ts';
import { CREDENTIAL_VARIABLES } from './contract.ts';
import type { ApiToken } from './http/token.ts';
import type { CredentialSource } from './login/credential.ts';
import type { Settings } from './settings.ts';
import {
  maskOf,
  secretsOfConfig,
  secretsOfHeaders,
  secretsOfLogin,
  wholeFile,
  type SecretFile,
} from './steps/known-secrets.ts';
import type { Mask } from './steps/mask.ts';
import { pairsIn } from './tracing/rules.ts';

/** What else the agent knows and the settings do not have. */
export interface OtherSecrets {
  readonly token: ApiToken;
  readonly credential: CredentialSource;
  readonly callbackSecrets: readonly Buffer[];
  /** By which runners know the agent. */
  readonly runnerKey: KeyObject | undefined;
}

/**
 * The mask for everything secret that the agent knows: its token if it has it in clear, the credential and what it is renewed
 * to, those of git hosts and of the collector of traces, the keys of callbacks and runners, and the variables and headers of its configuration of claude.
 */
export function maskOfSecrets(settings: Settings, others: OtherSecrets): () => Mask {
  const { token, credential, callbackSecrets, runnerKey } = others;
  const { environment, mcpConfig, claudeSettings, credentialFile, gitHosts, tracing } = settings;
  const configs = [mcpConfig, claudeSettings, ...userSettingsOf(settings)].filter((file) => file !== undefined);
  const files: SecretFile[] = [
    { path: credential.source, read: secretsOfLogin },
    ...[credentialFile, ...gitHosts.flatMap(({ privateKeyFile, tokenFile }) => [privateKeyFile, tokenFile])]
      .filter((path) => path !== undefined)
      .map((path) => ({ path, read: wholeFile })),
    ...configs.map((path) => ({ path, read: secretsOfConfig })),
    ...(tracing?.headersFile === undefined
      ? []
      : [{ path: tracing.headersFile, read: (text: string) => secretsOfHeaders(pairsIn(text) ?? {}) }]),
  ];
  const fixed = [
    settings.token ?? (token.file === undefined ? undefined : readFileSync(token.file, 'utf8').trim()),
    ...Object.values(CREDENTIAL_VARIABLES).map((name) => environment[name]),
    ...callbackSecrets.map((secret) => secret.toString('base64').replace(/=+$/, '')),
    ...secretsOfHeaders(tracing?.headers ?? {}),
    runnerKey?.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
  ];
  return maskOf({ fixed: fixed.filter((secret) => secret !== undefined), files });
}
