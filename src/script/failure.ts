/** A script that did not go as written, or could not be read. The message starts with `file:line: ` and may have several lines. */
export class ScriptFailure extends Error {
  constructor(
    readonly file: string,
    /** Counted from 1. */
    readonly line: number,
    what: string,
    options?: ErrorOptions,
  ) {
    super(`${file}:${line}: ${what}`, options);
    this.name = "ScriptFailure";
  }
}

/** Why a step failed, before anybody knows the place of it in the file. */
export class StepError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StepError";
  }
}
