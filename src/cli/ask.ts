import { askServer, type ControlRequest, isServed } from "../admin/control.js";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";

/**
 * For what only a running server knows.
 * @throws AdminError with what it refuses, SetupError when none runs
 */
export async function askRunning(config: Config, request: ControlRequest): Promise<unknown> {
  if (await isServed(config.data)) return askServer(config.data, request);
  throw new SetupError(
    `No server runs with the data folder ${config.data}. Start it, or name its configuration with --config.`,
  );
}
