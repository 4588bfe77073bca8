import { SetupError } from "./setup-error.js";

/** Where something was configured: a file, `--set`, or the name of an environment variable. */
export interface Place {
  file: string;
  /** Counted from 1; only files have lines. */
  line?: number;
}

/** One mistake. */
export interface ConfigProblem extends Place {
  /** The option, as in `stream.maxStanzaSize`; empty for the file as a whole. */
  key: string;
  message: string;
}

/** All the mistakes of a configuration, one on each line of the message. */
export class ConfigError extends SetupError {
  override readonly name = "ConfigError";

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
  }
}

export function formatProblem({ file, line, key, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return key === "" ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
}

/** `["domains", "example.org", "key"]` as `domains."example.org".key`, the form that `--set` takes. */
export function formatKey(path: readonly PropertyKey[]): string {
  return path.map((part) => (/^[\w-]+$/.test(String(part)) ? String(part) : `"${String(part)}"`)).join(".");
}

/** What is wrong with the option at a path. */
export interface Mistake {
  path: PropertyKey[];
  message: string;
}

/** Says where each mistake was made; each once, in the order of the file. */
export function placeMistakes(
  mistakes: readonly Mistake[],
  locate: (path: readonly PropertyKey[]) => Place,
): ConfigProblem[] {
  const problems = mistakes.map(({ path, message }) => ({ ...locate(path), key: formatKey(path), message }));
  const once = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...once.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
