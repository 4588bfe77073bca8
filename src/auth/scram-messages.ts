/** The messages of SCRAM a client sends. RFC 5802 §7 */
import { SaslError } from "./types.js";

const NAME = "(?:[^\\0=,]|=2C|=3D)+";
const NONCE = "[\\x21-\\x2B\\x2D-\\x7E]+";
const BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?";
// RFC 5802 §5.1: unknown attributes are ignored. A letter that has a meaning is no unknown attribute, wherever it
// stands; above all no m=, which announces an extension one must know to go on.
const EXTENSIONS = "(?:,[bdf-hj-loqtuw-zA-Z]=[^\\0,]+)*";

const CLIENT_FIRST = new RegExp(
  `^(?<gs2>(?<flag>[ny]|p=(?<binding>[A-Za-z0-9.-]+)),(?:a=(?<authzid>${NAME}))?,)` +
    `(?<bare>n=(?<username>${NAME}),r=(?<nonce>${NONCE})${EXTENSIONS})$`,
  "u",
);
const CLIENT_FINAL = new RegExp(
  `^(?<withoutProof>c=(?<binding>${BASE64}),r=(?<nonce>${NONCE})${EXTENSIONS}),p=(?<proof>${BASE64})$`,
  "u",
);

export interface ClientFirst {
  /** The GS2 header, commas included: it returns in the client's final message. */
  gs2: string;
  /** y: the client could bind, but believes that the server cannot. n: it cannot. p: it does. */
  flag: "y" | "n" | "p";
  /** Channel-binding type, with flag p. */
  binding: string | undefined;
  authzid: string | undefined;
  /** client-first-message-bare */
  bare: string;
  username: string;
  nonce: string;
}

export interface ClientFinal {
  /** client-final-message-without-proof */
  withoutProof: string;
  /** GS2 header and channel-binding data. */
  binding: Buffer;
  nonce: string;
  proof: Buffer;
}

/** @throws SaslError `malformed-request` */
export function parseClientFirst(text: string): ClientFirst {
  const { gs2, flag, binding, authzid, bare, username, nonce } = match(CLIENT_FIRST, text);
  if (!gs2 || !flag || !bare || !username || !nonce) throw malformed();
  return {
    gs2,
    flag: binding ? "p" : flag === "y" ? "y" : "n",
    binding,
    authzid: authzid && unescapeName(authzid),
    bare,
    username: unescapeName(username),
    nonce,
  };
}

/** @throws SaslError `malformed-request` */
export function parseClientFinal(text: string): ClientFinal {
  const { withoutProof, binding, nonce, proof } = match(CLIENT_FINAL, text);
  if (!withoutProof || !binding || !nonce || !proof) throw malformed();
  return {
    withoutProof,
    binding: Buffer.from(binding, "base64"),
    nonce,
    proof: Buffer.from(proof, "base64"),
  };
}

function match(grammar: RegExp, text: string): Record<string, string | undefined> {
  const groups = grammar.exec(text)?.groups;
  if (!groups) throw malformed();
  return groups;
}

function malformed(): SaslError {
  return new SaslError("malformed-request", "not a message of SCRAM");
}

function unescapeName(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
