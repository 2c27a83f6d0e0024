/** The span that a process works within. Ids are lower-case hex, of 32 and 16 digits. */
export interface ParentSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether spans of the trace are recorded. */
  readonly sampled: boolean;
  /** The `tracestate` of the trace. */
  readonly state?: string | undefined;
}

/** Takes the spans that one process of the CLI makes itself. */
export interface ProcessTrace {
  /**
   * The variables with which the process makes spans and sends them.
   * @param parent undefined for a process that is started ahead for any run.
   */
  environment(parent: ParentSpan | undefined): Readonly<Record<string, string>>;
  /** Call when the process gets its prompt: puts its spans into the trace. Without, they are ignored. */
  join(parent: ParentSpan): void;
  /** Call when none of its processes is left. */
  end(): void;
}
