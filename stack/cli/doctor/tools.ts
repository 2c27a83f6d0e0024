import type { StackFile } from '../../config/stack-file.ts';
import { run } from '../../exec.ts';
import { EngineError } from '../system/engine.ts';
import { broken, ok } from './finding.ts';
import type { Check } from './finding.ts';
import { checkOperator, OperatorError } from '../../azure/operator.ts';

/** The programs that an update needs. */
export function tools(engineVersion: () => Promise<string>, config: StackFile): Check[] {
  const isAzure = config.get('target') === 'azure';
  return [
    {
      name: 'pulumi',
      look: async () => {
        try {
          return ok((await engineVersion()).trim());
        } catch (error) {
          if (!(error instanceof EngineError)) throw error;
          return broken(
            error.reason,
            'Install Pulumi (https://www.pulumi.com/docs/install/), or check that npm can download it',
          );
        }
      },
    },
    {
      name: 'kubectl',
      look: async () => {
        const version = await run('kubectl', ['version', '--client', '--output', 'json']);
        if ('failure' in version) return broken(version.failure, 'Install it: https://kubernetes.io/docs/tasks/tools/');
        const { clientVersion } = JSON.parse(version.output) as { clientVersion: { gitVersion: string } };
        return ok(clientVersion.gitVersion);
      },
    },
    {
      name: 'docker',
      look: async () => {
        const version = await run('docker', ['version', '--format', '{{.Server.Version}}']);
        if ('output' in version) return ok(version.output.trim());
        if (config.get('image') !== '') return ok('not available, and not needed: config image is pinned');
        return version.missing
          ? broken(version.failure, 'Install it, or pin config image: https://docs.docker.com/engine/install/')
          : broken(version.failure, 'Start Docker: docker info');
      },
    },
    ...(isAzure ? [azureLogin(String(config.get('azureSubscription')))] : []),
  ];
}

function azureLogin(subscription: string): Check {
  return {
    name: 'azure login',
    look: async () => {
      try {
        await checkOperator(subscription);
        return ok(`subscription ${subscription}`);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        const [, first = ''] = error.message.split('\n');
        return broken(first.replace(/^ *- */, ''), 'az login');
      }
    },
  };
}
