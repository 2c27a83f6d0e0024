import { GATEWAY_NAMESPACE, isObject, kindOf, metadataOf, podOf } from '../objects.ts';
import { when } from '../rule.ts';
import type { Resource, Rule } from '../rule.ts';

const RECOMMENDED = ['name', 'instance', 'component', 'part-of', 'managed-by'].map(
  (label) => `app.kubernetes.io/${label}`,
);
const LABEL_VALUE = /^([a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?$/;
/** RFC 1123: of a label, and of names with dots. CronJobs make Jobs and these pods of longer names. */
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const CRON_JOB = /^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$/;

function nameRule(kind: string): RegExp {
  if (kind === 'CronJob') return CRON_JOB;
  return ['Namespace', 'Service', 'Deployment', 'Job', 'Pod'].includes(kind) ? LABEL : SUBDOMAIN;
}

const isNamespaced = (resource: Resource): boolean =>
  !['Namespace', 'ClusterRole', 'ClusterRoleBinding'].includes(kindOf(resource));

/** Of Kubernetes, and of Azure, where earlier images, volumes and logs would go with it. */
const HOLDS_DATA = ['Namespace', 'PersistentVolumeClaim', 'ResourceGroup', 'Registry', 'ManagedCluster', 'Workspace'];

/** What a Gateway needs beside it. */
const OF_GATEWAY = ['Gateway', 'HTTPRoute', 'ConfigMap', 'NetworkPolicy'];

/** Names, namespaces and labels of objects. */
export const NAMING_RULES: readonly Rule[] = [
  {
    must: 'An object has a fixed name that is valid for its kind.',
    check: (resource) => {
      const { name = '' } = metadataOf(resource);
      return when(isObject(resource) && !nameRule(kindOf(resource)).test(name), `its name is '${name}'`);
    },
  },
  {
    must: 'An object is in the namespace of the stack, or with a Gateway in its own.',
    check: (resource) => {
      const { namespace } = metadataOf(resource);
      const places = OF_GATEWAY.includes(kindOf(resource)) ? ['claude-agent', GATEWAY_NAMESPACE] : ['claude-agent'];
      return when(
        isObject(resource) && isNamespaced(resource) && !places.includes(namespace ?? ''),
        `it is in ${namespace ?? 'default'}`,
      );
    },
  },
  {
    must: 'Every object and pod has the recommended labels, with valid values.',
    check: (resource) => {
      if (!isObject(resource)) return [];
      const pod = podOf(resource);
      return [metadataOf(resource), ...(pod === undefined ? [] : [pod.metadata])].flatMap(({ labels = {} }) => [
        ...RECOMMENDED.flatMap((label) => when(labels[label] === undefined, `no label ${label}`)),
        ...Object.entries(labels).flatMap(([key, value]) => when(!LABEL_VALUE.test(value), `${key} is '${value}'`)),
      ]);
    },
  },
  {
    must: 'A workload selects exactly the pods that it creates.',
    check: (resource) => {
      const pod = podOf(resource);
      const selector = pod?.selector?.matchLabels;
      if (pod === undefined || !('selector' in pod)) return [];
      const entries = Object.entries(selector ?? {});
      const misses = entries.some(([key, value]) => pod.metadata.labels?.[key] !== value);
      return [
        ...when(selector?.['app.kubernetes.io/component'] === undefined, 'it selects pods of every component'),
        ...when(misses, 'it does not select its own pods'),
      ];
    },
  },
  {
    must: 'Resources with data cannot be deleted by accident.',
    check: (resource) =>
      when(
        HOLDS_DATA.includes(kindOf(resource)) &&
          metadataOf(resource).name !== GATEWAY_NAMESPACE &&
          !resource.isProtected,
        'it is not protected',
      ),
  },
];
