import * as pulumi from '@pulumi/pulumi';
import { specialSecretSig, specialSigKey } from '@pulumi/pulumi/runtime/rpc.js';

/** Whether a config value is a secret to the engine. The SDK exports this, but its types lack it. */
export const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (fullKey: string) => boolean };

/** A secret as the SDK marks it for the engine; undefined for any other value. */
function secretIn(value: object): { readonly value?: unknown } | undefined {
  return (value as Record<string, unknown>)[specialSigKey] === specialSecretSig ? value : undefined;
}

/** The value with each secret text replaced by a placeholder. The keys of a secret map are kept. */
export function withoutSecrets(value: unknown, isSecret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, isSecret));
  if (typeof value !== 'object' || value === null) return isSecret ? '[secret]' : value;
  const secret = secretIn(value);
  if (secret !== undefined) return withoutSecrets(secret.value, true);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, isSecret)]));
}

/** The value as in a state for `pulumi stack import`: secrets in plain text, marked so that the engine encrypts them. */
export function asInState(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asInState);
  if (typeof value !== 'object' || value === null) return value;
  const secret = secretIn(value);
  if (secret !== undefined) return { [specialSigKey]: specialSecretSig, plaintext: JSON.stringify(secret.value) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asInState(item)]));
}
