import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FilesOfPrompt, InputFile, OutputLimits } from '../../agent/files/run-files.ts';

/** Writes the content of a file that a run is given, below a folder, as the agent keeps it. */
export function inputFile(
  folder: string,
  name: string,
  content: string | Buffer,
  more: Partial<InputFile> = {},
): InputFile {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const file = path.join(folder, sha256);
  writeFileSync(file, content);
  return { name, bytes: Buffer.byteLength(content), sha256, type: 'text/plain', inline: false, path: file, ...more };
}

/** The files of a prompt, whose results are copied to `collected` in a folder. */
export function filesIn(
  folder: string,
  inputs: readonly InputFile[] = [],
  limits: Partial<OutputLimits> = {},
): FilesOfPrompt {
  const all = { files: 100, fileBytes: 32 * 1_048_576, runBytes: 128 * 1_048_576, ...limits };
  return { inputs, collectTo: path.join(folder, 'collected'), limits: all };
}
