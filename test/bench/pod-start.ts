import { execa } from 'execa';

/** Watches the agent's pods in all namespaces, from its creation on. */
export class PodStarts {
  readonly #running = new Map<string, number>();
  readonly #seconds: number[] = [];
  readonly #watch;
  readonly #done: Promise<void>;

  constructor() {
    const seen =
      '{.metadata.uid} {.status.containerStatuses[0].state.running.startedAt} {.status.containerStatuses[0].ready}{"\\n"}';
    const pods = ['get', 'pods', '--all-namespaces', '--selector', 'app.kubernetes.io/component=agent'];
    this.#watch = execa('kubectl', [...pods, '--watch', '--output', `jsonpath=${seen}`], { reject: false });
    this.#done = this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const line of this.#watch) {
      const [pod = '', startedAt = '', ready = ''] = line.split(' ');
      if (startedAt === '') continue;
      const since = this.#running.get(pod);
      // The times in a pod's status are whole seconds. The arrival of the event is more precise.
      if (since === undefined) this.#running.set(pod, performance.now());
      else if (ready === 'true' && !Number.isNaN(since)) {
        this.#seconds.push((performance.now() - since) / 1000);
        this.#running.set(pod, NaN);
      }
    }
  }

  /** Seconds from the start of the container until the pod was ready, for each pod. Ends the watch. */
  async seconds(): Promise<readonly number[]> {
    this.#watch.kill();
    await this.#done.catch(() => undefined);
    return this.#seconds;
  }
}
