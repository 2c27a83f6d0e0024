import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Where the ready-made workflows are. */
export const WORKFLOWS = path.join(import.meta.dirname, '..', '..', 'docs', 'n8n');

/** A node as n8n writes it down. */
export interface WorkflowNode {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly typeVersion: number;
  readonly position: readonly [number, number];
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly credentials?: unknown;
  readonly retryOnFail?: boolean;
  readonly maxTries?: number;
  readonly waitBetweenTries?: number;
  readonly onError?: string;
}

/** A connection's end. */
interface Target {
  readonly node: string;
  readonly type: string;
  readonly index: number;
}

/** A workflow as n8n exports it. */
export interface WorkflowFile {
  readonly name: string;
  readonly nodes: readonly WorkflowNode[];
  /** By the node that they begin at, and by type: `main`, or `ai_tool` and others into a node of n8n's AI. */
  readonly connections: Readonly<Record<string, Readonly<Record<string, readonly (readonly Target[])[]>>>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly tags: readonly { readonly id: string; readonly name: string }[];
}

/** The names of the workflow files, without `.json`. */
export const workflowFiles = readdirSync(WORKFLOWS)
  .filter((file) => file.endsWith('.json'))
  .map((file) => path.basename(file, '.json'))
  .sort();

/** Where a workflow file is. */
export function pathOf(file: string): string {
  return path.join(WORKFLOWS, `${file}.json`);
}

/** The text of a workflow file. */
export function textOf(file: string): string {
  return readFileSync(pathOf(file), 'utf8');
}

/** Reads a workflow file by its name without `.json`. */
export function readWorkflow(file: string): WorkflowFile {
  return JSON.parse(textOf(file)) as WorkflowFile;
}
