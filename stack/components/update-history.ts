import { setTimeout as pause } from 'node:timers/promises';

import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import * as pulumi from '@pulumi/pulumi';

import { labels, NAMES } from '../names.ts';
import { npmRun } from '../next-command.ts';
import { HISTORY_TYPE, MACHINE_KEYS, recordsIn, textsOf, withRecord } from '../update-record.ts';
import type { RecordTexts, UpdateRecord } from '../update-record.ts';

/** Arguments of {@link UpdateHistory}. */
export interface UpdateHistoryArgs {
  readonly namespace: pulumi.Input<string>;
  /** The image by digest. */
  readonly image: pulumi.Output<string>;
  readonly loginChecksum: pulumi.Output<string>;
  readonly tokenChecksum: pulumi.Output<string>;
  /** Of the MCP servers and settings of `claude`, if any. */
  readonly claudeChecksum: pulumi.Output<string> | undefined;
  /** Of the credentials for git hosts, if any. */
  readonly gitChecksum: pulumi.Output<string> | undefined;
  /** Every config key with its value as text, secrets left out. */
  readonly config: Readonly<Record<string, string>>;
  /** From {@link earlierRecords}. */
  readonly earlier: readonly UpdateRecord[];
  /** What must succeed before the update counts as completed. */
  readonly after: readonly pulumi.Resource[];
}

/**
 * A record of each completed update. It is in the state, so that it is available with every backend and on every machine; a
 * ConfigMap shows the same to those who have only `kubectl`. An update that fails or is cut off leaves no record.
 */
export class UpdateHistory extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: UpdateHistoryArgs, opts?: pulumi.ComponentResourceOptions) {
    super(HISTORY_TYPE, name, {}, opts);
    const { earlier } = args;
    const machineKeys: readonly string[] = MACHINE_KEYS;
    const config = Object.fromEntries(Object.entries(args.config).filter(([key]) => !machineKeys.includes(key)));
    warnOfUnpinning(earlier, config);
    warnOfRunners(earlier, args.config);
    const short = (checksum: string | undefined): string => (checksum ?? '').slice(0, 12);
    const records = pulumi
      .all([args.image, args.loginChecksum, args.tokenChecksum, args.claudeChecksum, args.gitChecksum])
      .apply(([image, login, token, claude, git]) =>
        textsOf(
          withRecord(
            earlier,
            { image, login: short(login), token: short(token), claude: short(claude), git: short(git), config },
            new Date(),
          ),
        ),
      );
    const shown = new ConfigMap(
      `${name}-shown`,
      { metadata: { name: NAMES.updates, namespace: args.namespace, labels: labels('namespace') }, data: records },
      { parent: this, dependsOn: [...args.after] },
    );
    this.registerOutputs({ records: pulumi.all([records, shown.id]).apply(([texts]) => texts) });
  }
}

/**
 * The update records in the state, newest first. They are read with a function of the engine: a program has no other way to
 * read its earlier resources. Await them before you register the history, which adds the next record. A file backend can't
 * be read while the engine writes the state.
 * @throws Error when it can't be read for ten seconds.
 */
export async function earlierRecords(): Promise<readonly UpdateRecord[]> {
  const { outputs = {} } = await readStackResourceOutputs();
  return recordsIn(Object.values(outputs).find(({ type }) => type === HISTORY_TYPE)?.outputs?.records);
}

interface StackResourceOutputs {
  readonly outputs?: Record<string, { type: string; outputs?: { records?: RecordTexts } }>;
}

async function readStackResourceOutputs(): Promise<StackResourceOutputs> {
  const read = 'pulumi:pulumi:readStackResourceOutputs';
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  for (const deadline = Date.now() + 10_000; ;) {
    try {
      return (await pulumi.runtime.invoke(read, { stackName }, { async: true })) as StackResourceOutputs;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await pause(100);
  }
}

/** A rollback pins an image in one checkout; an update from another, without the pin, must not undo it silently. */
function warnOfUnpinning([newest]: readonly UpdateRecord[], config: Readonly<Record<string, string>>): void {
  if (!newest?.config['image'] || config['image']) return;
  void pulumi.log.warn(
    `Update ${newest.number} (${newest.time}) pinned the image ${newest.config['image']}; this update builds a new one instead. To keep the pinned image: \`${npmRun('rollback', String(newest.number))}\`.`,
  );
}

/** Before there were runners, each run worked in a workspace that was kept, and found what others had left. */
function warnOfRunners([newest]: readonly UpdateRecord[], config: Readonly<Record<string, string>>): void {
  if (newest === undefined || 'runners' in newest.config || config['runners'] === '0') return;
  const kept =
    config['workspaceStorage'] === 'volume'
      ? ''
      : ' The workspace is then empty for each run, and a request with a workdir is refused (HTTP 400).';
  void pulumi.log.warn(
    `This update moves runs from the agent's pod to runners, which hold no secret.${kept} To leave them where they are: \`${npmRun('pulumi', 'config set runners 0')}\`.`,
  );
}
