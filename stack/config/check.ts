import { ownKeys } from './reader.ts';
import { readConfig } from './config.ts';
import type { StackConfig } from './config.ts';
import { readProject, StackFile } from './stack-file.ts';

/**
 * Reads a stack's settings as the program will. Pulumi's engine checks types before it starts the program, and tells
 * the first mistake only.
 * @param file The stack's, which need not be there.
 * @throws ConfigError naming every mistake, StackFileError when it is no settings file.
 */
export function checkConfig(projectDir: string, file: string): void {
  if (!StackFile.at(file, projectDir).hasEnvironment) configOf(projectDir, file);
}

/** What a stack's file says, with a placeholder for each secret. @throws ConfigError naming every mistake. */
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
