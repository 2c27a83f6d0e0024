import { Role } from '@pulumi/kubernetes/rbac/v1/role.js';
import { RoleBinding } from '@pulumi/kubernetes/rbac/v1/roleBinding.js';
import type * as k8s from '@pulumi/kubernetes';
import type * as pulumi from '@pulumi/pulumi';

/** What {@link permit} gives, and to whom. */
export interface Permissions {
  /** Of the Role and its binding. */
  readonly metadata: {
    readonly name: string;
    readonly namespace: pulumi.Input<string>;
    readonly labels: Record<string, string>;
  };
  /** Name of the ServiceAccount. */
  readonly account: pulumi.Input<string>;
  readonly rules: k8s.types.input.rbac.v1.PolicyRule[];
}

/** Gives a ServiceAccount rights in its namespace. @param name prefix of the _unique_ names of the resources. */
export function permit(
  name: string,
  { metadata, account, rules }: Permissions,
  opts: pulumi.CustomResourceOptions,
): void {
  const role = new Role(`${name}-role`, { metadata, rules }, opts);
  new RoleBinding(
    `${name}-binding`,
    {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: metadata.namespace }],
    },
    opts,
  );
}
