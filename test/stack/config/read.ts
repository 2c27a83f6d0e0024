import { ConfigError, ownKeys } from '../../../stack/config/reader.ts';
import type { ConfigSource } from '../../../stack/config/reader.ts';
import { readConfig } from '../../../stack/config/config.ts';
import type { StackConfig } from '../../../stack/config/config.ts';
import { defaults } from '../program.ts';

/**
 * Reads a configuration as the stack does, with the defaults of Pulumi.yaml.
 * @param plain keys of secrets that are not encrypted.
 * @throws ConfigError
 */
export function read(
  given: Record<string, string> = {},
  onRead: (key: string) => void = () => undefined,
  plain: readonly string[] = [],
): StackConfig {
  const config = {
    ...defaults(),
    ...Object.fromEntries(Object.entries(given).map(([key, value]) => [full(key), value])),
  };
  const source: ConfigSource = {
    get: (key) => {
      onRead(key);
      return config[full(key)];
    },
    getSecret: (key) => {
      onRead(key);
      return undefined;
    },
    peek: (key) => config[full(key)],
    isPlain: (key) => plain.includes(key),
    keys: () => ownKeys(config, 'claude-code-agent'),
  };
  return readConfig(source);
}
const full = (key: string): string => `claude-code-agent:${key}`;

/** The message about an invalid configuration. */
export function mistakesOf(given: Record<string, string>, plain: readonly string[] = []): string {
  try {
    read(given, undefined, plain);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}
