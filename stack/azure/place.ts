import * as pulumi from '@pulumi/pulumi';

import { NAMES } from '../names.ts';

/** What all resources that the stack creates have in common. */
export interface Place {
  readonly resourceGroupName: pulumi.Input<string>;
  readonly location: string;
}

/** Tags of every resource, by which a bill or a clean-up finds them. */
export const tags = (): Record<string, string> => ({
  'managed-by': 'pulumi',
  project: NAMES.deployment,
  stack: pulumi.getStack(),
});
