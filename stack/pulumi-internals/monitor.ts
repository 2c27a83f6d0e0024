import * as pulumi from '@pulumi/pulumi';

/** What Pulumi's mocks do not tell of a resource. */
export interface Registration {
  /** Name of the parent; undefined below the stack itself. */
  readonly parent: string | undefined;
  /** It can't be deleted. */
  readonly isProtected: boolean;
}

interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
}
type Call = (request: Request, done: (error: unknown, answer: object) => void) => unknown;

/**
 * Extends the monitor of Pulumi's mocks, which stands in for the engine. Its `newResource` is told neither parent nor
 * protection, without which `adopted-state.ts` could make no URN: the mock computes the URN itself, from the parent, and
 * hands it to nobody. And it knows no resource hooks, without which the program ends at its first Secret: here they are
 * registered and never called.
 * @returns What is registered, in place of look-ups; to be asked by type and name.
 */
export function extendMonitor(): (type: string, name: string) => Registration | undefined {
  const registrations = new Map<string, Registration>();
  const monitor = pulumi.runtime.getMonitor() as unknown as Record<'registerResource' | 'registerResourceHook', Call>;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    const [type, name] = request.getParent().split('::').slice(-2);
    const parent = name === undefined || type === 'pulumi:pulumi:Stack' ? undefined : name;
    registrations.set(`${request.getType()} ${request.getName()}`, { parent, isProtected: request.getProtect() });
    return register(request, done);
  };
  monitor.registerResourceHook = (_request, done) => done(null, {});
  return (type, name) => registrations.get(`${type} ${name}`);
}

/** The value of an output once it is there; undefined where it is not known in preview. Left out of the SDK's types. */
export function settled(value: unknown): Promise<unknown> {
  return (pulumi.output(value) as unknown as { promise(): Promise<unknown> }).promise();
}
