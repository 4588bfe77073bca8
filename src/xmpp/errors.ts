/** Every error condition of RFC 6120, in one table each for streams and stanzas. */
import { type Element, xml } from "../xml/element.js";

export const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
export const NS_STREAMS = "urn:ietf:params:xml:ns:xmpp-streams";

/** RFC 6120 §4.9.3 */
export const streamConditions = [
  "bad-format",
  "bad-namespace-prefix",
  "conflict",
  "connection-timeout",
  "host-gone",
  "host-unknown",
  "improper-addressing",
  "internal-server-error",
  "invalid-from",
  "invalid-namespace",
  "invalid-xml",
  "not-authorized",
  "not-well-formed",
  "policy-violation",
  "remote-connection-failed",
  "reset",
  "resource-constraint",
  "restricted-xml",
  "see-other-host",
  "system-shutdown",
  "undefined-condition",
  "unsupported-encoding",
  "unsupported-feature",
  "unsupported-stanza-type",
  "unsupported-version",
] as const;
export type StreamCondition = (typeof streamConditions)[number];

/** What a stream error of somebody else says. RFC 6120 §4.9.2 */
export function streamConditionOf(error: Element): StreamCondition {
  const names = error
    .getChildElements()
    .map((child) => (child.getNS() === NS_STREAMS ? child.getName() : ""));
  return streamConditions.find((condition) => names.includes(condition)) ?? "undefined-condition";
}

const errorTypes = ["auth", "cancel", "continue", "modify", "wait"] as const;
export type ErrorType = (typeof errorTypes)[number];

function isErrorType(text: string | undefined): text is ErrorType {
  return errorTypes.some((type) => type === text);
}

/** RFC 6120 §8.3.3: each condition with the error type the RFC associates with it. */
export const stanzaConditions = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  gone: "cancel",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  redirect: "modify",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "modify",
  "unexpected-request": "wait",
} as const satisfies Record<string, ErrorType>;
export type StanzaCondition = keyof typeof stanzaConditions;

function isStanzaCondition(name: string): name is StanzaCondition {
  return Object.hasOwn(stanzaConditions, name);
}

export interface StanzaErrorOptions {
  /** Overrides the type the RFC associates with the condition. */
  type?: ErrorType;
  /** Human-readable, English. */
  text?: string;
  /** Content of `<gone/>` and `<redirect/>`: an address. */
  address?: string;
  /** Application-specific condition, RFC 6120 §8.3.4. */
  application?: Element;
}

/** What an iq handler or a hook throws to have the stanza answered by an error. */
export class StanzaError extends Error {
  readonly type: ErrorType;
  constructor(
    readonly condition: StanzaCondition,
    readonly options: StanzaErrorOptions = {},
  ) {
    super(options.text ?? condition);
    this.name = "StanzaError";
    this.type = options.type ?? stanzaConditions[condition];
  }

  /** From an `<error/>` that was received; what says no known condition is `undefined-condition`. RFC 6120 §8.3.2 */
  static of(error: Element | undefined): StanzaError {
    const children = error?.getChildElements() ?? [];
    const said = children.find((child) => child.getNS() === NS_STANZAS && isStanzaCondition(child.getName()));
    const type = error?.attrs.type;
    return new StanzaError((said?.getName() ?? "undefined-condition") as StanzaCondition, {
      type: isErrorType(type) ? type : undefined,
      text: error?.getChildText("text", NS_STANZAS) ?? undefined,
      application: children.find((child) => child.getNS() !== NS_STANZAS),
    });
  }

  /** `<error/>` as RFC 6120 §8.3.2 has it. */
  toElement(): Element {
    const { text, address, application } = this.options;
    return xml(
      "error",
      { type: this.type },
      xml(this.condition, { xmlns: NS_STANZAS }, address),
      text === undefined ? undefined : xml("text", { xmlns: NS_STANZAS, "xml:lang": "en" }, text),
      application,
    );
  }
}

/** Ends a stream. RFC 6120 §4.9: stream errors are unrecoverable. */
export class StreamError extends Error {
  constructor(
    readonly condition: StreamCondition,
    readonly text?: string,
    readonly application?: Element,
    /** Content of `<see-other-host/>`: §4.9.3.19. */
    readonly address?: string,
  ) {
    super(text ?? condition);
    this.name = "StreamError";
  }

  /** `<stream:error/>`, RFC 6120 §4.9.2. The prefix `stream` is declared by the header, or by the caller. */
  toElement(): Element {
    return xml(
      "stream:error",
      null,
      xml(this.condition, { xmlns: NS_STREAMS }, this.address),
      this.text === undefined ? undefined : xml("text", { xmlns: NS_STREAMS, "xml:lang": "en" }, this.text),
      this.application,
    );
  }
}
