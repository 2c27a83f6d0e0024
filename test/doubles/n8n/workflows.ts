import { randomUUID } from 'node:crypto';

/** A workflow in the API of n8n 2.41. */
export interface DoubleWorkflow {
  readonly id: string;
  name: string;
  nodes: { readonly type: string }[];
  tags: string[];
  active: boolean;
  /** Null while nothing is published. */
  activeVersionId: string | null;
  isArchived: boolean;
  /** The draft. */
  versionId: string;
  /** Changes with edits, not when the workflow is published. */
  updatedAt: string;
}

/** An error status with n8n's message. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The workflows of one n8n, and the actions of people in the editor. */
export class Workflows {
  readonly #all = new Map<string, DoubleWorkflow>();
  readonly #versions = new Map<string, Set<string>>();

  /** Adds a workflow; `published` ones are on, at the version of their draft. */
  add(
    name: string,
    { tags = ['claude-agent'], published = true, id = randomUUID().slice(0, 8), nodes = ['scheduleTrigger'] } = {},
  ): DoubleWorkflow {
    const versionId = randomUUID();
    const workflow: DoubleWorkflow = {
      id,
      name,
      nodes: nodes.map((type) => ({ type: `n8n-nodes-base.${type}` })),
      tags: [...tags],
      active: published,
      activeVersionId: published ? versionId : null,
      isArchived: false,
      versionId,
      updatedAt: new Date().toISOString(),
    };
    this.#all.set(id, workflow);
    this.#versions.set(id, new Set([versionId]));
    return workflow;
  }

  /** Sorted by id, like in n8n. */
  list(): DoubleWorkflow[] {
    return [...this.#all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @throws Refusal */
  get(id: string): DoubleWorkflow {
    const workflow = this.#all.get(id);
    if (!workflow) throw new Refusal(404, 'Not Found');
    return workflow;
  }

  named(name: string): DoubleWorkflow {
    const workflow = this.list().find((candidate) => candidate.name === name);
    if (!workflow) throw new Error(`There is no workflow ${name}.`);
    return workflow;
  }

  /** @throws Refusal */
  publish(id: string, version: string | undefined): DoubleWorkflow {
    const workflow = this.get(id);
    if (workflow.isArchived) throw new Refusal(400, 'Cannot activate an archived workflow.');
    const wanted = version ?? workflow.versionId;
    if (!this.#versions.get(id)?.has(wanted)) throw new Refusal(404, 'Version not found');
    workflow.active = true;
    workflow.activeVersionId = wanted;
    return workflow;
  }

  /** @throws Refusal */
  unpublish(id: string): DoubleWorkflow {
    const workflow = this.get(id);
    workflow.active = false;
    workflow.activeVersionId = null;
    return workflow;
  }

  /** A person saves another draft; the published version stays. */
  edit(id: string): DoubleWorkflow {
    const workflow = this.get(id);
    workflow.versionId = randomUUID();
    workflow.updatedAt = new Date().toISOString();
    this.#versions.get(id)?.add(workflow.versionId);
    return workflow;
  }

  archive(id: string): DoubleWorkflow {
    const workflow = this.edit(id);
    this.unpublish(id);
    workflow.isArchived = true;
    return workflow;
  }

  remove(id: string): void {
    this.#all.delete(id);
  }
}
