import * as pulumi from '@pulumi/pulumi';

/** The page of Azure's portal for each thing that an operator looks for. */
const PAGES = {
  resourceGroup: 'overview',
  workloads: 'workloads',
  registry: 'repository',
  logs: 'logs',
  identity: 'overview',
} as const;

/** What there may be a link to. */
type Subject = keyof typeof PAGES;

/** Links to Azure's portal, for what there is an id of; the workloads are the cluster's. */
export function portalLinks(
  ids: Readonly<Record<Subject, pulumi.Input<string> | undefined>>,
): pulumi.Output<Record<string, string>> {
  return pulumi.output(ids).apply((known) =>
    Object.fromEntries(
      (Object.keys(PAGES) as Subject[]).flatMap((subject) => {
        const id = known[subject];
        return id === undefined ? [] : [[subject, `https://portal.azure.com/#resource${id}/${PAGES[subject]}`]];
      }),
    ),
  );
}
