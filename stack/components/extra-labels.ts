import type * as pulumi from '@pulumi/pulumi';

type Labels = Readonly<Record<string, string>>;
type Props = Record<string, unknown>;

/** A transformation that adds labels to every Kubernetes object below the resource that has it, and to their pods. */
export function withLabels(labels: Labels): pulumi.ResourceTransformation {
  return ({ type, props, opts }) =>
    type.startsWith('kubernetes:') ? { props: labelled(props, labels), opts } : undefined;
}

/** An object has labels in `metadata`, and so has every template in its `spec`, at any depth. */
function labelled(props: Props, labels: Labels): Props {
  const more = Object.entries(props).flatMap(([key, value]) => {
    if (!isPlain(value)) return [];
    if (key === 'metadata') return [[key, { ...value, labels: { ...labels, ...(value['labels'] as Labels) } }]];
    return key === 'spec' || key === 'template' || key === 'jobTemplate' ? [[key, labelled(value, labels)]] : [];
  });
  return { ...props, ...(Object.fromEntries(more) as Props) };
}

function isPlain(value: unknown): value is Props {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
