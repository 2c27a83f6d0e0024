import * as pulumi from '@pulumi/pulumi';

import { npmRun } from '../next-command.ts';
import { askCluster } from './ask-cluster.ts';
import type { Target } from './target.ts';

/**
 * The name of the runners' runtime class. If the cluster does not have that class, the output fails: Kubernetes would create no
 * pod, and an update would wait for one until its time limit. A warning if `kubectl` can't read the classes.
 * @param access How the provider reaches the cluster.
 */
export function runtimeClassIn(access: Target['access'], name: string): pulumi.Output<string> {
  return askCluster(access, ['get', 'runtimeclasses', '--output', 'jsonpath={.items[*].metadata.name}']).apply(
    (found) => {
      if ('failure' in found) {
        void pulumi.log.warn(
          `The runtime classes of the cluster can't be read. If it lacks ${name}, no runner starts: ${found.failure}`,
        );
        return name;
      }
      const names = found.output.split(' ').filter((each) => each !== '');
      if (names.includes(name)) return name;
      throw new Error(
        `runnerRuntimeClass is ${name}, which the cluster does not have (it has ${names.length === 0 ? 'none' : names.join(', ')}). Create that RuntimeClass, or run runners without one: \`${npmRun('pulumi', 'config rm runnerRuntimeClass')}\`.`,
      );
    },
  );
}
