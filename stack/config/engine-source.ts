import * as pulumi from '@pulumi/pulumi';

import { isConfigSecret } from '../pulumi-internals/secrets.ts';
import { ownKeys } from './reader.ts';
import type { ConfigSource } from './reader.ts';

/** The configuration that Pulumi's engine gives the program. */
export function engineConfig(): ConfigSource {
  const config = new pulumi.Config();
  return {
    get: (key) => config.get(key),
    getSecret: (key) => config.getSecret(key),
    // `config.get` would warn that it is a secret.
    peek: (key) => pulumi.runtime.allConfig()[`${config.name}:${key}`],
    isPlain: (key) => !isConfigSecret(`${config.name}:${key}`),
    keys: () => ownKeys(pulumi.runtime.allConfig(), config.name),
  };
}
