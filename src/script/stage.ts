import type { ScriptClient } from "./client.js";
import { StepError } from "./failure.js";
import type { ScriptTransport } from "./target.js";
import type { Template } from "./template.js";

/** What a step may use of the run it is part of. */
export interface Stage {
  template: Template;
  clients: ScriptClient[];
  /** What does not fit is passed over as long as something that fits comes in time. */
  lenient: boolean;
  open(client: ScriptClient): Promise<ScriptTransport>;
  /** See ScriptTarget. */
  settled?: (() => Promise<void>) | undefined;
}

/** @throws StepError when nobody has that name. */
export function clientNamed(name: string, stage: Stage): ScriptClient {
  const found = stage.clients.find((client) => client.name === name);
  if (!found) throw new StepError(`there is no client called ${name}`);
  return found;
}
