/** A file of a run, as its record shows it. */
export interface RunFile {
  /** Without a folder. */
  readonly name: string;
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  /** The media type. */
  readonly type: string;
}

/** A file that a run is given. */
export interface InputFile extends RunFile {
  /** Absolute path of its content in the agent's state folder. Others may have the same file, so it is only read. */
  readonly path: string;
  /** Whether it becomes a content block of the prompt, besides being in the folder. */
  readonly inline: boolean;
}

/** How much of what a run leaves is kept. */
export interface OutputLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly runBytes: number;
}

/** The files that go into a run, and where those that it leaves are copied to. */
export interface FilesOfPrompt {
  readonly inputs: readonly InputFile[];
  /** Absolute path of a folder of the agent. It is made when there is something to copy. */
  readonly collectTo: string;
  readonly limits: OutputLimits;
}

/** The files that a run left. */
export interface CollectedFiles {
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    /** In `collectTo`. */ readonly path: string;
  }[];
  /** A sentence for each file, or each kind of files, that was left out. */
  readonly warnings: readonly string[];
}
