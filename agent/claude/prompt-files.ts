import type { CollectedFiles, FilesOfPrompt, InputFile } from '../files/run-files.ts';
import type { RunFolder } from './host.ts';

/** The most files that the prompt lists. */
const LISTED = 50;

/** A part of a message of the user, as the Anthropic API knows it. */
export interface ContentBlock {
  readonly type: 'text';
  readonly text: string;
}

/** The files of one prompt: gives them to the process, and takes what it leaves. */
export class PromptFiles {
  readonly #files: FilesOfPrompt;
  readonly #folder: RunFolder | undefined;

  /** @param folder of the process; undefined if it has none. */
  constructor(files: FilesOfPrompt, folder: RunFolder | undefined) {
    this.#files = files;
    this.#folder = folder;
  }

  /**
   * Puts the files into the folder of the process.
   * @returns what the message of the user has before the prompt.
   * @throws if that fails; the message says why.
   */
  async give(): Promise<ContentBlock[]> {
    const { inputs } = this.#files;
    const folder = this.#folder;
    if (!folder) {
      if (inputs.length === 0) return [];
      throw new Error('its runner is of an earlier version, which takes no files');
    }
    try {
      if (inputs.length > 0) await folder.put(inputs);
    } catch (error) {
      throw new Error(`its files could not be put into its folder (${String(error)})`, { cause: error });
    }
    return [{ type: 'text', text: noteOf(folder, inputs) }];
  }

  /** Call when the process has answered or ended. Never rejects. */
  async collect(): Promise<CollectedFiles | undefined> {
    const collected = await this.#folder?.collect(this.#files);
    const { files = [], warnings = [] } = collected ?? {};
    return files.length === 0 && warnings.length === 0 ? undefined : collected;
  }
}

/** Tells Claude of the folders. In tags of its own, so that the prompt after it is plain. */
function noteOf(folder: RunFolder, inputs: readonly InputFile[]): string {
  const listed = inputs.slice(0, LISTED).map(({ name, bytes, type }) => `- ${name} (${bytes} bytes, ${type})`);
  const more = inputs.length > LISTED ? [`- and ${inputs.length - LISTED} more`] : [];
  const given =
    inputs.length > 0 ? [`The user gave you these files to read, in ${folder.in}:`, ...listed, ...more] : [];
  return [
    '<run-files>',
    ...given,
    `Put files that the user should get into ${folder.out}, directly and not in folders of it.`,
    '</run-files>',
  ].join('\n');
}
