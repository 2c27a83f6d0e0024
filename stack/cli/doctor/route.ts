import type { StackFile } from '../../config/stack-file.ts';
import { jsonIn } from '../../json.ts';
import { NAMES } from '../../names.ts';
import { npmRun } from '../../next-command.ts';
import type { Kubectl } from '../system/kubectl.ts';
import { broken, ok } from './finding.ts';
import type { Finding } from './finding.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
interface Gateway {
  readonly spec: { readonly gatewayClassName: string };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly listeners?: readonly { readonly name: string; readonly conditions?: readonly Condition[] }[];
  };
}

const ACCEPTED = 'Accepted';

/** Whether the controller took the Gateway or the Ingress, and the certificate is there. */
export async function routeFinding(config: StackFile, kubectl: Kubectl): Promise<Finding> {
  const isIngress = config.get('ingress') === 'ingress';
  const secret = await certificateFinding(
    config.get('tlsSecret') ?? '',
    isIngress ? NAMES.namespace : NAMES.gatewayNamespace,
    kubectl,
  );
  if (isIngress) return secret ?? ingressFinding(kubectl);
  const gateway = await gatewayFinding(kubectl);
  return gateway.state === 'ok' ? (secret ?? gateway) : gateway;
}

async function certificateFinding(name: string, namespace: string, kubectl: Kubectl): Promise<Finding | undefined> {
  // The type only: the doctor reads no key.
  const answer = await kubectl(['get', `secret/${name}`, '--namespace', namespace, '--output', 'jsonpath={.type}']);
  if ('failure' in answer) {
    return broken(
      `the certificate is missing: ${answer.failure}`,
      `kubectl -n ${namespace} create secret tls ${name} --cert FILE --key FILE, or let cert-manager make it: docs/ingress.md#the-certificate`,
    );
  }
  return answer.output === 'kubernetes.io/tls'
    ? undefined
    : broken(
        `the Secret ${name} is of the type ${answer.output}, not kubernetes.io/tls`,
        'docs/ingress.md#the-certificate',
      );
}

async function ingressFinding(kubectl: Kubectl): Promise<Finding> {
  const answer = await kubectl(['get', `ingress/${NAMES.ingress}`, '--output', 'jsonpath={.spec.ingressClassName}']);
  if ('failure' in answer) return broken(answer.failure, npmRun('up'));
  const known = await kubectl(['get', `ingressclass/${answer.output}`, '--output', 'name']);
  return 'output' in known
    ? ok(`an Ingress of the class ${answer.output}`)
    : broken(known.failure, 'kubectl get ingressclasses   (config ingressClass selects another one)');
}

async function gatewayFinding(kubectl: Kubectl): Promise<Finding> {
  const object = `gateways.gateway.networking.k8s.io/${NAMES.ingress}`;
  const answer = await kubectl(['get', object, '--namespace', NAMES.gatewayNamespace, '--output', 'json']);
  if ('failure' in answer) {
    return answer.failure.includes('resource type')
      ? broken(`the cluster has no Gateway API: ${answer.failure}`, 'docs/ingress.md#a-gateway')
      : broken(answer.failure, npmRun('up'));
  }
  const { spec, status } = jsonIn(answer.output) as Gateway;
  const of = (conditions: readonly Condition[] = []) =>
    conditions.find(({ type, status: is }) => is !== 'True' && [ACCEPTED, 'Programmed', 'ResolvedRefs'].includes(type));
  const accepted = status?.conditions?.find(({ type }) => type === ACCEPTED);
  if (accepted === undefined || accepted.status === 'Unknown') {
    return broken(
      `no controller has taken the Gateway: its class is ${spec.gatewayClassName}`,
      'kubectl get gatewayclasses   (config ingressClass selects another one)',
    );
  }
  const listener = status?.listeners?.find(({ conditions }) => of(conditions) !== undefined);
  const wrong = of(listener?.conditions) ?? of(status?.conditions);
  if (wrong === undefined) return ok(`a Gateway of the class ${spec.gatewayClassName}`);
  const where = listener === undefined ? '' : ` of the listener ${listener.name}`;
  return broken(
    `${wrong.type}${where} is ${wrong.status}: ${wrong.message ?? wrong.reason ?? 'no reason given'}`,
    `kubectl -n ${NAMES.gatewayNamespace} describe gateway ${NAMES.ingress}`,
  );
}
