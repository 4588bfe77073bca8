import { NS_STREAMS } from "../../xmpp/errors.js";
import type { BoshCondition } from "./condition.js";

const STREAM_ERROR = new RegExp(`^<stream:error[ >][^<]*<([a-z-]+) xmlns="${NS_STREAMS}"`);
/** Stream errors that XEP-0124 §17.2 knows by themselves. */
const KNOWN: Record<string, BoshCondition> = {
  "host-gone": "host-gone",
  "host-unknown": "host-unknown",
  "improper-addressing": "improper-addressing",
  "system-shutdown": "system-shutdown",
};

/**
 * With which condition a session ends whose stream's last word was `text`: undefined when that was no stream error. XEP-0206 §6
 * has all others reported as one.
 */
export function endingCondition(text: string | undefined): BoshCondition | undefined {
  const found = STREAM_ERROR.exec(text ?? "")?.[1];
  return found === undefined ? undefined : (KNOWN[found] ?? "remote-stream-error");
}
