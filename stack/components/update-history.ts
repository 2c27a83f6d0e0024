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
  /** Of the MCP servers and settings of `claude`, where it has any. */
  readonly claudeChecksum: pulumi.Output<string> | undefined;
  /** Every config key with its value as text, secrets left out. */
  readonly config: Readonly<Record<string, string>>;
  /** Of {@link earlierRecords}. */
  readonly earlier: readonly UpdateRecord[];
  /** What must be done before the update counts as completed. */
  readonly after: readonly pulumi.Resource[];
}

/**
 * A record of each completed update, in the state, where every backend and every machine finds it; a ConfigMap shows
 * the same to whoever has only `kubectl`. An update that fails or is cut off leaves none.
 */
export class UpdateHistory extends pulumi.ComponentResource {
  /** @param name The _unique_ name of this component. */
  constructor(name: string, args: UpdateHistoryArgs, opts?: pulumi.ComponentResourceOptions) {
    super(HISTORY_TYPE, name, {}, opts);
    const { earlier } = args;
    const machineKeys: readonly string[] = MACHINE_KEYS;
    const config = Object.fromEntries(Object.entries(args.config).filter(([key]) => !machineKeys.includes(key)));
    warnOfUnpinning(earlier, config);
    const short = (checksum: string | undefined): string => (checksum ?? '').slice(0, 12);
    const records = pulumi
      .all([args.image, args.loginChecksum, args.tokenChecksum, args.claudeChecksum])
      .apply(([image, login, token, claude]) =>
        textsOf(
          withRecord(
            earlier,
            { image, login: short(login), token: short(token), claude: short(claude), config },
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
 * The records of the stack as the last update left it, newest first, by the engine's own function for it: there is no
 * other way for a program to read what its resources were. To be awaited before the history is registered, which begins
 * the next record. The engine may write the state at the same time, and a file backend can't be read at that moment.
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

/** A rollback pins an image in one checkout; an update from another, which has no pin, must not undo it unseen. */
function warnOfUnpinning([newest]: readonly UpdateRecord[], config: Readonly<Record<string, string>>): void {
  if (!newest?.config['image'] || config['image']) return;
  void pulumi.log.warn(
    `Update ${newest.number} (${newest.time}) pinned the image ${newest.config['image']}; this one builds its own instead. To stay with it: \`${npmRun('rollback', String(newest.number))}\`.`,
  );
}
