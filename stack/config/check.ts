import * as fs from 'node:fs';

import { fileConfig, plainKeys, readProject } from './file.ts';
import { ownKeys } from './reader.ts';
import { readConfig } from './config.ts';
import type { StackConfig } from './config.ts';

/**
 * Reads a stack's settings as the program will. Pulumi's engine checks types before it starts the program, and tells
 * the first mistake only.
 * @param file The stack's, which need not be there.
 * @throws ConfigError naming every mistake.
 */
export function checkConfig(projectDir: string, file: string): void {
  // Values of an environment of Pulumi ESC are not in the file.
  if (fs.existsSync(file) && /^environment:/m.test(fs.readFileSync(file, 'utf8'))) return;
  configOf(projectDir, file);
}

/** What a stack's file says, with a placeholder for each secret. @throws ConfigError naming every mistake. */
export function configOf(projectDir: string, file: string): StackConfig {
  const project = readProject(projectDir);
  const config = fileConfig(project, file);
  const plain = plainKeys(project, file);
  return readConfig({
    get: (key) => config[`${project.name}:${key}`],
    getSecret: () => undefined,
    peek: (key) => config[`${project.name}:${key}`],
    isPlain: (key) => plain.has(key),
    keys: () => ownKeys(config, project.name),
  });
}
