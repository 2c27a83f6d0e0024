import { WORKSPACE_LIFETIMES } from '../../agent/contract.ts';
import type { WorkspaceLifetime } from '../../agent/contract.ts';
import { npmRun } from '../next-command.ts';
import type { ConfigReader } from './reader.ts';
import type { RunnersConfig } from './runners.ts';
import { TEXT } from './values.ts';

/** The folder that runs work in. */
export interface WorkspaceConfig {
  readonly storage: 'emptyDir' | 'volume';
  /** Of the volume. */
  readonly accessMode: 'ReadWriteOnce' | 'ReadWriteMany';
  /** A Kubernetes quantity. */
  readonly size: string;
  readonly lifetime: WorkspaceLifetime;
}

/** Reads the keys of the workspace. @param runners undefined if runs work in the agent's pod. */
export function readWorkspace(read: ConfigReader, runners: RunnersConfig | undefined): WorkspaceConfig {
  const storage = read.oneOf('workspaceStorage', ['emptyDir', 'volume']);
  const accessMode = read.oneOf('workspaceAccessMode', ['ReadWriteOnce', 'ReadWriteMany']);
  const size = read.text('workspaceSize', ...TEXT.bytes);
  const lifetime = read.oneOfOrEmpty('workspaceLifetime', WORKSPACE_LIFETIMES);
  const isEmptied = runners !== undefined && storage === 'emptyDir';
  if (isEmptied && lifetime === 'keep') {
    read.mistake(
      `workspaceLifetime is keep, but a runner's workspace is emptied after each run unless workspaceStorage is volume. Remove it: \`${npmRun('pulumi', 'config rm workspaceLifetime')}\`; or run claude in the agent's pod: \`${npmRun('pulumi', 'config set runners 0')}\`.`,
    );
  }
  const pods = runners === undefined ? 1 : runners.count + runners.warm;
  if (storage === 'volume' && accessMode === 'ReadWriteOnce' && pods > 1) {
    read.mistake(
      `workspaceStorage is volume and workspaceAccessMode is ReadWriteOnce, which only one runner can mount; runners and warmRunners are ${pods} together. Set workspaceAccessMode to ReadWriteMany, with a storageClass that allows it, or workspaceStorage to emptyDir, or runners to 1 and warmRunners to 0.`,
    );
  }
  return { storage, accessMode, size, lifetime: lifetime ?? (isEmptied ? 'run' : 'keep') };
}
