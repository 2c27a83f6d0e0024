import * as fs from 'node:fs';
import * as path from 'node:path';

import { execa } from 'execa';

import type { StackConfig } from '../../config/config.ts';
import { NAMES, selectorLabels } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import { CONTAINER_SECURITY, placed, POD_BASE } from '../../components/pod.ts';
import { stackIn } from '../system/kubectl.ts';
import { causeLines } from '../../exec.ts';
import { CliError } from '../system/terminal.ts';
import { inPod, isProgramMissing } from '../archive/in-pod.ts';

const POD = 'claude-agent-restore';
/** The pod ends by then, even if the restore is killed. */
const POD_SECONDS = 3600;
const READY_SECONDS = 300;

/** What {@link putVolume} needs. */
export interface PutVolumeOptions {
  /** Context of the kubeconfig; empty for the current one. */
  readonly context: string;
  readonly config: StackConfig;
  /** The agent's image, by digest. */
  readonly image: string;
  /** Content for the volume. */
  readonly folder: string;
  /** Folder for a temporary file. */
  readonly scratch: string;
}

/**
 * Puts run records, login and conversations on the agent's volume, with a temporary pod. A running agent is scaled to 0
 * first, because it opens the records only when it starts.
 * @throws CliError when a step fails; it can be repeated.
 */
export async function putVolume({ context, config, image, folder, scratch }: PutVolumeOptions): Promise<void> {
  const kubectl = (args: readonly string[], input?: { file: string } | string): Promise<string> =>
    runKubectl([...stackIn(context), ...args], input);
  const remove = () => kubectl(['delete', `pod/${POD}`, '--ignore-not-found', '--wait', '--timeout=120s']);

  await remove();
  const deployment = `deployment/${NAMES.deployment}`;
  if ((await kubectl(['get', deployment, '--ignore-not-found', '--output', 'name'])) !== '') {
    await kubectl(['scale', deployment, '--replicas=0']);
    const ended = `--timeout=${config.graceSeconds + 90}s`;
    await kubectl(['wait', '--for=delete', 'pods', '--selector', AGENT, ended]);
  }
  await kubectl(['apply', '--filename', '-'], JSON.stringify(podOf(config, image)));
  try {
    await kubectl(['wait', '--for=condition=Ready', `pod/${POD}`, `--timeout=${READY_SECONDS}s`]);
    const archive = path.join(scratch, 'volume.tar.gz');
    fs.writeFileSync(archive, '', { mode: 0o600 });
    await execa('tar', ['-czf', archive, '-C', folder, '.'], { stdin: 'ignore' });
    await kubectl(['exec', '--stdin', POD, '--', ...inPod('put')], { file: archive });
  } finally {
    await remove();
  }
}

const AGENT = Object.entries(selectorLabels('agent'))
  .map(([name, value]) => `${name}=${value}`)
  .join(',');

/** The pod sleeps, as the agent's user, until a program is started in it. */
function podOf({ placement }: StackConfig, image: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: POD, labels: selectorLabels('namespace') },
    spec: {
      ...POD_BASE,
      ...placed(placement),
      restartPolicy: 'Never',
      activeDeadlineSeconds: POD_SECONDS,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'restore',
          image,
          command: ['/usr/bin/tini', '--', 'sleep', String(POD_SECONDS)],
          securityContext: CONTAINER_SECURITY,
          resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: NAMES.volume } },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
}

async function runKubectl(args: readonly string[], input?: { file: string } | string): Promise<string> {
  const { failed, stdout, stderr, shortMessage, code } = await execa('kubectl', args, {
    reject: false,
    ...(input === undefined ? { stdin: 'ignore' } : typeof input === 'string' ? { input } : { stdin: input }),
  });
  if (!failed) return stdout;
  if (isProgramMissing(stderr)) {
    throw new CliError(
      `The image is older than this checkout and has no restore program. Build this checkout instead: ${npmRun('pulumi', 'config rm image')}. Then run the same restore again: it continues from here.`,
    );
  }
  const shown = args.filter((arg) => !arg.includes('\n')).join(' ');
  const why = code === 'ENOENT' ? 'kubectl is not on the PATH' : causeLines(stderr) || shortMessage;
  throw new CliError(
    `\`kubectl ${shown}\` failed: ${why}\nFind the cause: ${npmRun('doctor')}. Then run the same restore again: it continues from here.`,
  );
}
