import * as pulumi from '@pulumi/pulumi';

import { isConfigSecret } from '../pulumi-internals/secrets.ts';
import { ownKeys } from './reader.ts';
import type { ConfigSource } from './reader.ts';

/** The configuration that Pulumi's engine passes to the program. */
export function engineConfig(): ConfigSource {
  const config = new pulumi.Config();
  return {
    get: (key) => config.get(key),
    getSecret: (key) => config.getSecret(key),
    // `config.get` would warn about a secret.
    peek: (key) => pulumi.runtime.allConfig()[`${config.name}:${key}`],
    isPlain: (key) => !isConfigSecret(`${config.name}:${key}`),
    keys: () => ownKeys(pulumi.runtime.allConfig(), config.name),
  };
}
