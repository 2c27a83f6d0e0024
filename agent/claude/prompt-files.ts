import type { CollectedFiles, FilesOfPrompt, InputFile } from '../files/run-files.ts';
import type { RunFolder } from './host.ts';
import { inlineFile, removedWarnings, type ContentBlock } from './inline-file.ts';
import type { RemovedMedia } from './transcript.ts';

/** The most files that the prompt lists. */
const LISTED = 50;

/** The files of one prompt: gives them to the process, and takes what it leaves. */
export class PromptFiles {
  readonly #files: FilesOfPrompt;
  readonly #folder: RunFolder | undefined;
  readonly #warnings: string[] = [];

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
    const parts: ContentBlock[] = [];
    for (const file of inputs.filter(({ inline }) => inline)) {
      const found = await inlineFile(file);
      if ('block' in found) parts.push(found.block);
      else this.#warnings.push(found.warning);
    }
    return [...parts, { type: 'text', text: noteOf(folder, inputs) }];
  }

  /**
   * Call when the process has answered or ended. Never rejects.
   * @param removed what the API refused of the prompt.
   */
  async collect(removed: readonly RemovedMedia[]): Promise<CollectedFiles | undefined> {
    const { files = [], warnings: leftOut = [] } = (await this.#folder?.collect(this.#files)) ?? {};
    const warnings = [...this.#warnings, ...removedWarnings(removed, this.#files.inputs), ...leftOut];
    return files.length === 0 && warnings.length === 0 ? undefined : { files, warnings };
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
