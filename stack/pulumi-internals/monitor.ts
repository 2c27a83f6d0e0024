import * as pulumi from '@pulumi/pulumi';

/** What Pulumi's mocks do not reveal about a resource. */
export interface Registration {
  /** The name of the parent; undefined directly below the stack. */
  readonly parent: string | undefined;
  /** Whether it is protected from deletion. */
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
 * Extends the monitor of Pulumi's mocks, which replaces the engine. Its `newResource` receives neither the parent nor the
 * protection of a resource, which `adopted-state.ts` needs for the URN: the mock computes the URN, but does not pass it on.
 * It also does not support resource hooks, so the program would end at its first Secret: here hooks are registered and never
 * called.
 * @returns A function that finds a registration by type and name.
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

/** The value of an output when it is known; undefined if preview does not know it. Missing in the SDK's types. */
export function settled(value: unknown): Promise<unknown> {
  return (pulumi.output(value) as unknown as { promise(): Promise<unknown> }).promise();
}
