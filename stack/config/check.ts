import { ownKeys } from './reader.ts';
import { readConfig } from './config.ts';
import type { StackConfig } from './config.ts';
import { readProject, StackFile } from './stack-file.ts';

/**
 * Reads a stack's settings as the program will. Pulumi's engine checks types before it starts the program, but reports only
 * the first error.
 * @param file The stack's file, which may be missing.
 * @throws ConfigError that lists every invalid value, StackFileError when it is not a settings file.
 */
export function checkConfig(projectDir: string, file: string): void {
  if (!StackFile.at(file, projectDir).hasEnvironment) configOf(projectDir, file);
}

/** The config in a stack's file, with a placeholder for each secret. @throws ConfigError that lists every invalid value. */
export function configOf(projectDir: string, file: string): StackConfig {
  const { name } = readProject(projectDir);
  const settings = StackFile.at(file, projectDir);
  const values = settings.values();
  return readConfig({
    get: (key) => values[`${name}:${key}`],
    getSecret: () => undefined,
    peek: (key) => values[`${name}:${key}`],
    isPlain: (key) => settings.isPlain(key),
    keys: () => ownKeys(values, name),
  });
}
