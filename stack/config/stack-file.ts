import * as fs from 'node:fs';
import * as path from 'node:path';

import { parse, parseDocument } from 'yaml';
import type { Document } from 'yaml';

const NAMESPACE = 'claude-code-agent:';

/** The file of a stack's settings, beside Pulumi.yaml. */
export const stackFileOf = (projectDir: string, stack: string): string => path.join(projectDir, `Pulumi.${stack}.yaml`);

/** What is in a stack's file; it need not be there, and is empty then. */
export const contentOf = (file: string): string => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');

/** Reads and changes the plain config of a stack's file; comments, secrets and everything else in it stay. */
export class StackFile {
  readonly #document: Document;
  readonly #defaults: ReadonlyMap<string, unknown>;

  /**
   * @param content Of `Pulumi.<stack>.yaml`; may be empty.
   * @param projectDir Where Pulumi.yaml is, with the keys and their defaults.
   */
  constructor(content: string, projectDir: string) {
    this.#document = parseDocument(content);
    const project = parse(fs.readFileSync(path.join(projectDir, 'Pulumi.yaml'), 'utf8')) as {
      config: Record<string, { default: unknown }>;
    };
    this.#defaults = new Map(Object.entries(project.config).map(([key, entry]) => [key, entry.default]));
  }

  /** The value in force, as {@link asText} gives it: the file's, else the default; undefined for an unknown key. */
  get(key: string): string | undefined {
    const standard = this.#defaults.get(key);
    if (standard === undefined) return undefined;
    const { config } = (this.#document.toJS() ?? {}) as { config?: Record<string, unknown> };
    return asText(config?.[NAMESPACE + key] ?? standard);
  }

  /** Brings the value in force to `value`; a default needs no line in the file. */
  set(key: string, value: string): void {
    const place = ['config', NAMESPACE + key];
    const standard = this.#defaults.get(key);
    if (asText(standard) === asText(value)) {
      if (this.#document.hasIn(place)) this.#document.deleteIn(place);
      return;
    }
    const content: unknown = typeof standard === 'object' ? JSON.parse(value) : value;
    this.#document.setIn(place, this.#document.createNode(content));
  }

  toString(): string {
    return this.#document.toString({ lineWidth: 0 });
  }
}

/**
 * Context of the kubeconfig by which kubectl reaches the stack's cluster; empty for the current one, which is also that of
 * target azure: `az aks get-credentials` makes it so.
 */
export function contextOf(file: StackFile): string {
  return file.get('target') === 'azure' ? '' : (file.get('kubeContext') ?? '');
}

/** A config value as text that is equal for equal values: lists and maps as JSON, without spaces, keys in order. */
export function asText(value: unknown): string {
  const content = typeof value === 'string' && /^[[{]/.test(value) ? fromText(value) : value;
  return typeof content === 'string' ? content : JSON.stringify(inOrder(content));
}

/** A text may begin like a list without being one. */
function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, inOrder(inner)]),
  );
}
