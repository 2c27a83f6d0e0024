import * as pulumi from '@pulumi/pulumi';
import { specialSecretSig, specialSigKey } from '@pulumi/pulumi/runtime/rpc.js';

/** Whether the engine gave a config value as a secret. The SDK exports it and leaves it out of its types. */
export const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (fullKey: string) => boolean };

/** A secret as the SDK marks it on its way to the engine; undefined for any other value. */
function secretIn(value: object): { readonly value?: unknown } | undefined {
  return (value as Record<string, unknown>)[specialSigKey] === specialSecretSig ? value : undefined;
}

/** The same value with a placeholder for each text that is a secret; the names of a secret map's entries stay. */
export function withoutSecrets(value: unknown, isSecret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, isSecret));
  if (typeof value !== 'object' || value === null) return isSecret ? '[secret]' : value;
  const secret = secretIn(value);
  if (secret !== undefined) return withoutSecrets(secret.value, true);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, isSecret)]));
}

/** The same value as an imported state has it: its secrets in plain text, under the mark by which the engine encrypts them. */
export function asInState(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asInState);
  if (typeof value !== 'object' || value === null) return value;
  const secret = secretIn(value);
  if (secret !== undefined) return { [specialSigKey]: specialSecretSig, plaintext: JSON.stringify(secret.value) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asInState(item)]));
}
