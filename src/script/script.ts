import type { Phrase } from "./phrases.js";

/** A `[Client]` section. */
export interface ClientSpec {
  name: string;
  line: number;
  /** As written, with or without a resource. */
  jid: string;
  password: string;
  /** Undefined: the server chooses. */
  resource: string | undefined;
  /** What the target is asked to open, e.g. "tcp"; undefined: its default. */
  transport: string | undefined;
  /** fresh: made for this run under a name of its own; fixed: made under the name as written; none: a fresh name without account. */
  account: "fresh" | "fixed" | "none";
}

/** One action of one client. */
export interface Step {
  line: number;
  client: string;
  phrase: Phrase;
  /** What follows the phrase on its line, e.g. the condition of a stream error. */
  argument: string;
  /** The indented block below, without the indentation common to its lines. */
  body: string;
  /** The line as written, for messages. */
  text: string;
}

export interface Script {
  file: string;
  /** The comment lines at the top. */
  title: string;
  clients: ClientSpec[];
  /** Configuration overrides of the `[Server]` section; undefined: the script runs on any server. */
  server: unknown;
  steps: Step[];
}
