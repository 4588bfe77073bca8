import type { Outlet } from "../../src/session/client-session.js";
import { silentLog } from "./silent-log.js";

/** A stream that is not there: what a session writes to it is handed over. */
export function outletTo(write: (text: string) => void): Outlet {
  return {
    write,
    close: () => undefined,
    supersede: () => undefined,
    standalone: false,
    secure: true,
    plainLocal: false,
    log: silentLog,
  };
}
