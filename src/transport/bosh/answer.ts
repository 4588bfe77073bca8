import type { Receipt } from "../../session/session.js";
import { type AttrsInput, openingTag, xml } from "../../xml/element.js";
import { type BoshCondition, conditions } from "./condition.js";
import { NS_BOSH } from "./request.js";

/** Where an answer goes: the HTTP response to one request. */
export interface Reply {
  /** @param sent told whether the network has taken it. */
  send(status: number, contentType: string, body: string, sent?: (ok: boolean) => void): void;
  /** Closes the connection without an answer. */
  cut(): void;
  /** The client is gone before it was answered. */
  onLost(fn: () => void): void;
}

/** An answer that was given, kept for a client that did not get it: XEP-0124 §14.3. */
export interface Answer {
  body: string;
  /** Of the request, as XEP-0124 §15 has it. */
  key: string | undefined;
  receipts: Receipt[];
  /** The network has taken it. */
  sent: boolean;
}

/** `<body/>` with elements as text. */
export function bodyText(attrs: AttrsInput, inner: string): string {
  // XEP-0206: clients look for stream features by this prefix.
  const stream = inner.includes("<stream:") ? { "xmlns:stream": "http://etherx.jabber.org/streams" } : {};
  const head = openingTag("body", xml("body", { xmlns: NS_BOSH, ...stream, ...attrs }).attrs);
  return inner === "" ? `${head}/>` : `${head}>${inner}</body>`;
}

/** XEP-0124 §17.2 */
export function terminalText(condition: BoshCondition | undefined, inner = ""): string {
  return bodyText({ type: "terminate", condition }, inner);
}

export function statusOf(condition: BoshCondition, legacy: boolean): number {
  return legacy ? conditions[condition] : 200;
}

/** §17.3: the request is to be sent again. */
export const RECOVERABLE = bodyText({ type: "error" }, "");
