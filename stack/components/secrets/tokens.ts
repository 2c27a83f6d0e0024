import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

import * as pulumi from '@pulumi/pulumi';

import type { CallerSetting } from '../../../agent/callers/rules.ts';
import { sha256 } from '../../sha256.ts';
import { checksumOf, nameOf, keptSecret } from './kept-secret.ts';
import { secretsIn } from '../../config/secrets.ts';
import { EARLIER_TOKEN_FILE, labels, NAMES, TOKEN_FILE } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { encoded } from '../../session/secret-keys.ts';

/** Keys of the Secrets that {@link Tokens} creates. */
export const TOKEN_KEYS = {
  agentSha256: 'sha256',
  earlierAgentSha256: 'earlier-sha256',
  watchdogSha256: 'watchdog-sha256',
  watchdogToken: 'token',
  callbackSecret: 'secret',
  runnerKey: 'key.pem',
} as const;

/**
 * The API token from {@link TOKEN_FILE}, or undefined if there is no file. While it is rotated, that from
 * {@link EARLIER_TOKEN_FILE} and a space precede it.
 * @throws Error when the file exists but can't be read or is empty.
 */
export function readTokenFile(projectDir: string): pulumi.Output<string> | undefined {
  const file = path.join(projectDir, TOKEN_FILE);
  if (!fs.existsSync(file)) return undefined;
  const token = fs.readFileSync(file, 'utf8').trim();
  if (token === '')
    throw new Error(`${file} is empty. Remove it: \`rm ${file}\`; \`${npmRun('up')}\` creates a new one.`);
  const earlier = path.join(projectDir, EARLIER_TOKEN_FILE);
  const all = fs.existsSync(earlier) ? [fs.readFileSync(earlier, 'utf8').trim(), token] : [token];
  // They are equal if a rotation was cut off.
  return pulumi.secret([...new Set(all)].filter(Boolean).join(' '));
}

/** The API token in force, which is the last of one or two. */
const currentOf = (agentToken: string): string => secretsIn(agentToken).at(-1) ?? '';

/** The watchdog's own token. It is derived from the API token, so that nobody has to keep it, and permits only what it needs. */
function watchdogTokenOf(agentToken: string): string {
  return createHmac('sha256', currentOf(agentToken)).update(NAMES.watchdog).digest('hex');
}

/**
 * The secret that signs callbacks. It is derived from the API token too, and does not reveal it. While that is rotated, there
 * are two, because receivers know the earlier one.
 */
function callbackSecretOf(agentToken: string): string {
  return secretsIn(agentToken)
    .reverse()
    .map((token) => `whsec_${createHmac('sha256', token).update(NAMES.callbackSecret).digest('base64')}`)
    .join('\n');
}

/** What precedes the 32 bytes of an Ed25519 private key in DER (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The private key with which the agent identifies itself to its runners, in PEM. It is derived from the API token too. */
function runnerKeyOf(agentToken: string): string {
  const seed = createHmac('sha256', currentOf(agentToken)).update(NAMES.runnerKeySecret).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The 32 bytes of the public key in base64; empty without a private key, where {@link keptSecret} creates nothing. */
function publicKeyOf(privateKey: string | undefined): string {
  if (privateKey === undefined) return '';
  const { x = '' } = createPublicKey(Buffer.from(privateKey, 'base64')).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('base64');
}

/** @throws Error if a caller has the API token or that of the watchdog. */
function refuseShared(agentToken: string, callers: readonly CallerSetting[]): void {
  const ours = [...secretsIn(agentToken), watchdogTokenOf(agentToken)].map(sha256);
  const shared = callers.find((caller) => caller.sha256.some((hash) => ours.includes(hash.toLowerCase())));
  if (shared === undefined) return;
  throw new Error(
    `The caller ${shared.name} has the API token or that of the watchdog. Give it one of its own: \`${npmRun('caller', `rotate ${shared.name}`)}\`.`,
  );
}

/** Arguments of {@link Tokens}. */
export interface TokensArgs {
  readonly namespace: pulumi.Input<string>;
  /** The API token, or two separated by a space, the newer one last. Undefined: the Secrets in the cluster stay unchanged. */
  readonly agentToken: pulumi.Output<string> | undefined;
  /** Callers whose tokens must be others. */
  readonly callers: readonly CallerSetting[];
  /** Secrets that sign callbacks, separated by spaces. Undefined: the one of {@link callbackSecretOf}. */
  readonly callbackSecret: pulumi.Output<string> | undefined;
  /** Whether there are runners. */
  readonly hasRunners: boolean;
}

/**
 * The tokens with which callers authenticate to the agent, and the secret with which the agent signs callbacks. Of the API
 * token, the cluster has only the SHA-256.
 */
export class Tokens extends pulumi.ComponentResource {
  /** Secret for the agent, with the SHA-256 of both tokens. */
  readonly agentSecretName: pulumi.Output<string>;
  /** Secret for the watchdog, with its own token. */
  readonly watchdogSecretName: pulumi.Output<string>;
  /** Secret for the agent and for receivers of callbacks. */
  readonly callbackSecretName: pulumi.Output<string>;
  /** Secret for the agent with its private key, and the public key, which is no secret. Undefined without runners. */
  readonly runnerKey:
    { readonly secretName: pulumi.Output<string>; readonly publicKey: pulumi.Output<string> } | undefined;
  /** Changes if and only if the agent's part of them does. */
  readonly checksum: pulumi.Output<string>;

  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: TokensArgs, opts?: pulumi.ComponentResourceOptions) {
    super('claude-code-agent:stack:Tokens', name, {}, opts);
    const { namespace, agentToken, callbackSecret } = args;
    const missing = `There is no API token for the agent, and the cluster has none yet. \`${npmRun('up')}\` creates one in ${TOKEN_FILE}; or set your own: \`${npmRun('pulumi', 'config set --secret agentToken')}\`.`;
    const agent = keptSecret(
      `${name}-agent`,
      {
        secretName: NAMES.agentTokenSecret,
        namespace,
        labels: labels('agent'),
        missing,
        data: agentToken?.apply((token) => {
          refuseShared(token, args.callers);
          return {
            [TOKEN_KEYS.agentSha256]: encoded(sha256(currentOf(token))),
            ...(secretsIn(token).length === 2 && {
              [TOKEN_KEYS.earlierAgentSha256]: encoded(sha256(secretsIn(token)[0] ?? '')),
            }),
            [TOKEN_KEYS.watchdogSha256]: encoded(sha256(watchdogTokenOf(token))),
          };
        }),
      },
      { parent: this },
    );
    const watchdog = keptSecret(
      `${name}-watchdog`,
      {
        secretName: NAMES.watchdogTokenSecret,
        namespace,
        labels: labels('watchdog'),
        missing,
        data: agentToken?.apply((token) => ({ [TOKEN_KEYS.watchdogToken]: encoded(watchdogTokenOf(token)) })),
      },
      { parent: this },
    );
    const callback = keptSecret(
      `${name}-callback`,
      {
        secretName: NAMES.callbackSecret,
        namespace,
        labels: labels('agent'),
        missing,
        data: (
          callbackSecret?.apply((text) => secretsIn(text).join('\n')) ?? agentToken?.apply(callbackSecretOf)
        )?.apply((secret) => ({
          [TOKEN_KEYS.callbackSecret]: encoded(secret),
        })),
      },
      { parent: this },
    );
    const runnerKey = args.hasRunners
      ? keptSecret(
          `${name}-runner-key`,
          {
            secretName: NAMES.runnerKeySecret,
            namespace,
            labels: labels('agent'),
            missing,
            data: agentToken?.apply((token) => ({ [TOKEN_KEYS.runnerKey]: encoded(runnerKeyOf(token)) })),
          },
          { parent: this },
        )
      : undefined;
    this.runnerKey = runnerKey && {
      secretName: nameOf(runnerKey),
      publicKey: pulumi.unsecret(runnerKey.data.apply((data) => publicKeyOf(data[TOKEN_KEYS.runnerKey]))),
    };
    this.agentSecretName = nameOf(agent);
    this.watchdogSecretName = nameOf(watchdog);
    this.callbackSecretName = nameOf(callback);
    this.checksum = checksumOf(
      pulumi.all([agent.data, callback.data]).apply(([hashes, secret]) => ({ ...hashes, ...secret })),
    );
    this.registerOutputs({ checksum: this.checksum });
  }
}
