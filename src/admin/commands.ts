import { AdminError } from "./admin-error.js";
import type { ControlRequest } from "./control.js";

/** What the commands of one area do, by name. @throws AdminError */
export type Commands = Readonly<Record<string, (request: ControlRequest) => Promise<unknown>>>;

/** What the running server does when a `sluice` command asks. @throws AdminError */
export async function handleControl(areas: readonly Commands[], request: ControlRequest): Promise<unknown> {
  const name = String(request.command);
  const area = areas.find((commands) => Object.hasOwn(commands, name));
  if (!area) throw new AdminError(`The running server does not know the command ${name}.`);
  return area[name](request);
}
