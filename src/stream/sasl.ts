import { randomUUID } from "node:crypto";
import { mechanisms } from "../auth/mechanisms.js";
import {
  type AuthContext,
  type Credentials,
  type Mechanism,
  type Outcome,
  SaslError,
} from "../auth/types.js";
import { type Element, serialize, xml } from "../xml/element.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import type { ClientStream } from "./client-stream.js";
import { externalIdentities } from "./external.js";
import type { Feature } from "./negotiation.js";

export const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
/** How much of an attempt a failure is that was no guess. */
const HARMLESS = 0.25;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Names of the mechanisms that this connection may use now, strongest first. */
function offered(stream: ClientStream): string[] {
  const { secure } = stream;
  if (stream.account || (stream.settings.tlsRequired && !secure)) return [];
  const bindings = stream.tls?.bindings.size ?? 0;
  return mechanisms
    .filter(({ name, plus }) => {
      if (name === "ANONYMOUS") return stream.settings.anonymous;
      if (!stream.settings.mechanisms.includes(name)) return false;
      if (name === "EXTERNAL") return externalIdentities(stream).length > 0;
      if (name === "PLAIN") return secure || stream.settings.plainWithoutTls;
      return !plus || bindings > 0;
    })
    .map(({ name }) => name);
}

/** RFC 6120 §6, XEP-0440. */
export const sasl: Feature<ClientStream> = {
  name: "sasl",
  offer(stream) {
    const names = offered(stream);
    if (names.length === 0) return undefined;
    const list = xml("mechanisms", { xmlns: NS_SASL }, ...names.map((name) => xml("mechanism", null, name)));
    const types = [...(stream.tls?.bindings.keys() ?? [])];
    if (!names.some((name) => name.endsWith("-PLUS"))) return list;
    const binding = types.map((type) => xml("channel-binding", { type }));
    return [list, xml("sasl-channel-binding", { xmlns: NS_CHANNEL_BINDING }, ...binding)];
  },
  accepts: (element, stream) => element.getNS() === NS_SASL && !stream.account,
  negotiate: (element, stream) => step(element, stream),
};

async function step(element: Element, stream: ClientStream): Promise<void> {
  try {
    const outcome = await exchange(element, stream);
    requireLeave(stream);
    if (outcome.kind === "challenge") send(stream, "challenge", outcome.data);
    else await succeed(outcome, stream);
  } catch (error) {
    fail(error, stream);
  }
}

async function exchange(element: Element, stream: ClientStream): Promise<Outcome> {
  switch (element.getName()) {
    case "auth": {
      if (stream.saslExchange) discard(stream);
      stream.saslExchange = begin(element, stream);
      const text = element.getText();
      // RFC 6120 §6.4.2: no initial response at all; the mechanism waits for one.
      if (text === "") return { kind: "challenge", data: Buffer.alloc(0) };
      return stream.saslExchange.step(text === "=" ? Buffer.alloc(0) : decode(text));
    }
    case "response": {
      if (!stream.saslExchange) throw new SaslError("malformed-request");
      return stream.saslExchange.step(decode(element.getText()));
    }
    case "abort":
      throw new SaslError("aborted");
    default:
      throw new SaslError("malformed-request");
  }
}

/** RFC 6120 §6.4.2: a new exchange takes the place of one under way. It counts, or it could be begun for ever. */
function discard(stream: ClientStream): void {
  stream.saslExchange = undefined;
  count(HARMLESS, stream);
}

function begin(element: Element, stream: ClientStream): Mechanism {
  requireLeave(stream);
  const names = offered(stream);
  const found = mechanisms.find(({ name }) => name === element.attrs.mechanism && names.includes(name));
  if (found) return found.create(context(stream, names));
  if (names.length === 0) throw new SaslError("encryption-required");
  throw new SaslError("invalid-mechanism");
}

/** Asked before an exchange and after each step: guesses that are made at the same time are counted while they run. */
function requireLeave({ settings, remoteAddress }: ClientStream): void {
  if (!settings.loginLimiter.allows(remoteAddress)) throw new SaslError("temporary-auth-failure");
}

function context(stream: ClientStream, names: string[]): AuthContext {
  const { settings } = stream;
  return {
    domain: stream.domain,
    credentials: async (username) => settings.credentials(Jid.of(username, stream.domain)),
    bindings: stream.tls?.bindings ?? new Map(),
    offeredPlus: names.some((name) => name.endsWith("-PLUS")),
    secret: settings.secret,
    iterations: settings.iterations,
    iterationCounts: () => settings.iterationCounts(stream.domain),
    renew: (username, before, after) => renew(stream, Jid.of(username, stream.domain), before, after),
    externalIdentities: externalIdentities(stream),
  };
}

/** Whoever is about to be let in does not mind when it fails. */
async function renew(
  stream: ClientStream,
  account: Jid,
  before: Credentials,
  after: Credentials,
): Promise<void> {
  try {
    await stream.settings.renewCredentials(account, before, after);
  } catch (error) {
    stream.log.warn({ err: error, account: account.text }, "keys of another iteration count were not stored");
  }
}

function decode(text: string): Buffer {
  // RFC 6120 §6.5.5: white space and missing padding are no base 64 either.
  if (!BASE64.test(text)) throw new SaslError("incorrect-encoding");
  return Buffer.from(text, "base64");
}

async function succeed(outcome: Outcome & { kind: "success" }, stream: ClientStream): Promise<void> {
  const jid = Jid.of(outcome.anonymous ? randomUUID() : outcome.username, stream.domain);
  const account = outcome.anonymous ? { id: 0, jid } : await stream.settings.account(jid);
  // The account went away between two steps.
  if (!account) throw new SaslError("not-authorized");
  send(stream, "success", outcome.data);
  stream.loggedIn(account, outcome.anonymous === true);
}

function send(stream: ClientStream, name: string, data: Buffer | undefined): void {
  const text =
    data === undefined ? undefined : data.length === 0 && name === "success" ? "=" : data.toString("base64");
  stream.connection.write(serialize(xml(name, { xmlns: NS_SASL }, text || undefined)));
}

/** @throws StreamError when that was one too many. */
function fail(error: unknown, stream: ClientStream): void {
  if (error instanceof StreamError) throw error;
  const { loginLimiter } = stream.settings;
  stream.saslExchange = undefined;
  if (!(error instanceof SaslError)) stream.log.error({ err: error }, "login could not be checked");
  const isGuess = error instanceof SaslError && error.isGuess;
  // Once there were too many, it is not told any more whether a guess was right.
  const isTold = error instanceof SaslError && !(isGuess && !loginLimiter.allows(stream.remoteAddress));
  const condition = isTold ? error.condition : "temporary-auth-failure";
  stream.connection.write(serialize(xml("failure", { xmlns: NS_SASL }, xml(condition))));
  if (isGuess) loginLimiter.failed(stream.remoteAddress);
  stream.log.info({ condition }, "login failed");
  // COMPAT: slixmpp 1.8 tries each -PLUS mechanism with a binding that TLS 1.3 does not have, before it comes to one that
  // works; what teaches nothing about a password counts for less.
  count(isGuess ? 1 : HARMLESS, stream);
}

/** RFC 6120 §6.4.5 @throws StreamError */
function count(weight: number, stream: ClientStream): void {
  stream.failedLogins += weight;
  if (stream.failedLogins >= stream.settings.attemptsPerConnection) {
    throw new StreamError("policy-violation", "too many failed logins");
  }
}
