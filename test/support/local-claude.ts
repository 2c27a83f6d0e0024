import type { ClaudeOptions } from '../../agent/claude/claude.ts';
import { LocalHost } from '../../agent/claude/local-host.ts';
import { localPlace } from '../../agent/claude/place.ts';
import { Configurations } from '../../agent/login/configurations.ts';
import { variableCredential } from '../../agent/login/credential.ts';

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What `createClaude` needs for a scripted CLI on this machine, with an API key and no warm processes. */
export function localClaude(folder: string, claudePath: string, workdir: string): ClaudeOptions {
  return {
    place: localPlace(new LocalHost(), {
      claudePath,
      environment: { PATH: process.env['PATH'], HOME: folder },
      workspaceDir: workdir,
      freeBytes: 0,
      log: SILENT,
    }),
    instanceId: 'an-instance',
    permissionMode: 'dontAsk',
    mcpConfig: undefined,
    claudeSettings: undefined,
    credential: variableCredential('apiKey', undefined, 'sk-ant-api03-test'),
    configurations: new Configurations({
      stateDir: folder,
      configDir: `${folder}/.claude`,
      environment: {},
      ownFolders: false,
      custody: undefined,
      conversations: undefined,
      log: SILENT,
    }),
    workdir,
    startsCold: () => false,
    prepared: () => 0,
    log: SILENT,
  };
}
