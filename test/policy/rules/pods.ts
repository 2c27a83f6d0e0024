import { containersOf, podOf } from '../objects.ts';
import type { Container, Pod } from '../objects.ts';
import { when } from '../rule.ts';
import type { Rule } from '../rule.ts';

const aboutPods = (must: string, check: (pod: Pod) => readonly string[]): Rule => ({
  must,
  check: (resource) => {
    const pod = podOf(resource);
    return pod === undefined ? [] : check(pod);
  },
});
const aboutContainers = (must: string, check: (container: Container, pod: Pod) => readonly string[]): Rule =>
  aboutPods(must, (pod) =>
    containersOf(pod).flatMap((container) => check(container, pod).map((wrong) => `${container.name}: ${wrong}`)),
  );

/** Volumes that the Pod Security Standard `restricted` allows. */
const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
/** Above the IDs that distributions and nodes give to their own users. */
const LOWEST_USER = 10_000;

/** What the Pod Security Standard `restricted` requires of a pod, and more. */
export const POD_RULES: readonly Rule[] = [
  aboutPods('A pod shares nothing with its node.', ({ spec }) => [
    ...when(spec.hostNetwork === true, 'hostNetwork'),
    ...when(spec.hostPID === true, 'hostPID'),
    ...when(spec.hostIPC === true, 'hostIPC'),
  ]),
  aboutPods('A volume uses nothing from the node.', ({ spec }) =>
    (spec.volumes ?? []).flatMap((volume) => {
      const kinds = Object.keys(volume).filter((key) => key !== 'name');
      return when(kinds.length !== 1 || !VOLUMES.includes(kinds[0] ?? ''), `${volume.name} is ${kinds.join(', ')}`);
    }),
  ),
  aboutPods('A pod sets no kernel parameters.', ({ spec }) =>
    when(spec.securityContext?.['sysctls'] !== undefined, 'sysctls'),
  ),
  aboutPods('A pod gets no variables of every Service.', ({ spec }) =>
    when(spec.enableServiceLinks !== false, `enableServiceLinks is ${spec.enableServiceLinks ?? 'not set'}`),
  ),
  aboutContainers(
    'A container runs as a user that is neither root nor a user of the node.',
    ({ securityContext }, pod) => {
      const merged = { ...pod.spec.securityContext, ...securityContext };
      return [
        ...when(merged['runAsNonRoot'] !== true, 'runAsNonRoot is not true'),
        ...when(!(Number(merged['runAsUser']) >= LOWEST_USER), `runAsUser is ${String(merged['runAsUser'])}`),
        ...when(!(Number(merged['runAsGroup']) >= LOWEST_USER), `runAsGroup is ${String(merged['runAsGroup'])}`),
      ];
    },
  ),
  aboutContainers("A container has the runtime's seccomp profile.", ({ securityContext }, pod) => {
    const profile = { ...pod.spec.securityContext, ...securityContext }['seccompProfile'];
    return when((profile as { type?: string } | undefined)?.type !== 'RuntimeDefault', JSON.stringify(profile));
  }),
  aboutContainers('A container cannot gain privileges.', ({ securityContext }) => [
    ...when(securityContext?.['privileged'] === true, 'privileged'),
    ...when(securityContext?.['allowPrivilegeEscalation'] !== false, 'allowPrivilegeEscalation is not false'),
    ...when(securityContext?.['procMount'] !== undefined, 'procMount is set'),
  ]),
  aboutContainers('A container has no capabilities.', ({ securityContext }) => [
    ...when(!(securityContext?.capabilities?.drop ?? []).includes('ALL'), 'it does not drop ALL'),
    ...when(
      (securityContext?.capabilities?.add ?? []).length > 0,
      `it adds ${securityContext?.capabilities?.add?.join()}`,
    ),
  ]),
  aboutContainers('A container cannot change its own image.', ({ securityContext }) =>
    when(securityContext?.['readOnlyRootFilesystem'] !== true, 'readOnlyRootFilesystem is not true'),
  ),
  aboutContainers('A container uses no port of its node.', ({ ports }) =>
    when(
      (ports ?? []).some(({ hostPort }) => hostPort !== undefined),
      'hostPort',
    ),
  ),
  aboutContainers('An image is referenced by digest.', ({ image }) =>
    when(!/@sha256:[0-9a-f]{64}$/.test(image ?? ''), String(image)),
  ),
  aboutContainers('A container has resource requests and limits.', ({ resources }) =>
    (['requests', 'limits'] as const).flatMap((kind) =>
      ['cpu', 'memory', 'ephemeral-storage'].flatMap((what) =>
        when(resources?.[kind]?.[what] === undefined, `no ${kind} of ${what}`),
      ),
    ),
  ),
];
