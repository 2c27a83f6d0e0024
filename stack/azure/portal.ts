import * as pulumi from '@pulumi/pulumi';

/** The page of the Azure portal for each subject. */
const PAGES = {
  resourceGroup: 'overview',
  workloads: 'workloads',
  registry: 'repository',
  logs: 'logs',
  identity: 'overview',
} as const;

/** What a link may lead to. */
type Subject = keyof typeof PAGES;

/** Links to the Azure portal, for every subject with an ID; the ID of the workloads is the cluster's. */
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
