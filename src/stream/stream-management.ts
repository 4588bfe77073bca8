import type { ClientSession } from "../session/client-session.js";
import { Managed } from "../session/managed.js";
import type { Account } from "../storage/types.js";
import { type Element, xml } from "../xml/element.js";
import { NS_STANZAS, type StanzaCondition, StreamError } from "../xmpp/errors.js";
import { type ClientStream, NS_SM } from "./client-stream.js";
import type { Feature } from "./negotiation.js";

/** ms after which a request for an acknowledgement is answered, though not all is durable yet: XEP-0198 §4 forbids to withhold it. */
const ANSWER_AT_LATEST = 2000;
const MAX_H = 2 ** 32 - 1;

/** XEP-0198. */
export const streamManagement: Feature<ClientStream> = {
  name: "stream management",
  offer: (stream) => (stream.account ? xml("sm", { xmlns: NS_SM }) : undefined),
  accepts: (element, stream) =>
    element.getNS() === NS_SM && (stream.account !== undefined || isBeginning(element)),
  negotiate(element, stream) {
    if (!stream.account) refuseUnauthenticated(stream);
    switch (element.getName()) {
      case "enable":
        return enable(element, stream);
      case "resume":
        return resume(element, stream);
      case "r":
        return answer(stream);
      case "a":
        return acknowledged(element, stream);
      default:
        throw new StreamError("unsupported-stanza-type");
    }
  },
};

/** §3: not before authentication. Whoever tries is no client, and §6 lets the stream end. @throws StreamError */
function refuseUnauthenticated(stream: ClientStream): never {
  fail(stream, "unexpected-request");
  throw new StreamError("not-authorized");
}

/** §3 */
function enable(element: Element, stream: ClientStream): undefined {
  const { session, settings } = stream;
  if (!session) return fail(stream, "unexpected-request");
  if (session.managed) throw new StreamError("policy-violation", "stream management is enabled already");
  const wanted = isTrue(element.attrs.resume) ? limit(element.attrs.max, settings.resumeTimeout) : 0;
  const managed = new Managed(settings.managed, wanted, stream);
  session.managed = managed;
  // It is an address for TCP.
  const location = stream.transport === "tcp" ? settings.location : undefined;
  const terms = { resume: "true", id: managed.id, max: Math.floor(wanted / 1000), location };
  stream.send(xml("enabled", { xmlns: NS_SM, ...(wanted > 0 ? terms : {}) }));
  if (wanted > 0) settings.binder.allowResumption(session, settings.domain.hooks);
}

/** §5 */
async function resume(element: Element, stream: ClientStream): Promise<void> {
  const { account, settings } = stream;
  const h = readH(element);
  if (stream.session || h === undefined) return fail(stream, "unexpected-request");
  if (settings.resumeTimeout === 0) return fail(stream, "feature-not-implemented");
  const id = element.attrs.previd ?? "";
  const session = settings.binder.resume(id, account as Account) ?? (await fromElsewhere(id, h, stream));
  if (!session) fail(stream, "item-not-found", settings.binder.handledOf(id, account as Account));
  else await takeOver(session, h, stream);
}

/** The session may be on another node. @throws StreamError §6 */
async function fromElsewhere(
  id: string,
  h: number,
  stream: ClientStream,
): Promise<ClientSession | undefined> {
  const { account, settings } = stream;
  const found = await settings.resumption?.fetch(
    id,
    account as Account,
    h,
    settings.domain.hooks,
    stream,
    settings.managed,
  );
  if (found && "tooHigh" in found) throw tooHigh(h, found.tooHigh);
  // The client went away meanwhile: it may come back once more.
  if (found && stream.isClosed) {
    settings.binder.hibernate(found);
    throw new StreamError("connection-timeout");
  }
  return found;
}

async function takeOver(session: ClientSession, h: number, stream: ClientStream): Promise<void> {
  const managed = session.managed as Managed;
  managed.detach();
  // The old connection may seem alive (§5): it is told, and what it still brings is not read any more.
  const before = session.attach(stream);
  if (before) (before as ClientStream).supersede();
  stream.session = session;
  // What the old stream brought is stored first, so that the client learns the whole truth and sends nothing twice.
  await managed.handled.caughtUp();
  // This stream, too, may have ended meanwhile, or given the session to the next one.
  if (stream.session !== session) return;
  if (!managed.acknowledge(h)) throw tooHigh(h, managed.unacked.sent);
  stream.resumed(session);
  stream.send(xml("resumed", { xmlns: NS_SM, previd: managed.id, h: managed.handled.h }));
  managed.attach(stream, session.jid.domain);
  // XEP-0352 §5.2: a resumed stream begins active.
  session.setValve(undefined);
}

/**
 * §4: answered when all that came before is durable, which is a matter of milliseconds. While the database is slow, a client
 * that asks again and again has one answer under way, and one after that.
 */
function answer(stream: ClientStream): undefined {
  const { asked } = stream;
  const managed = stream.session?.managed;
  if (!managed) return;
  if (asked.tell) {
    asked.again = true;
    return;
  }
  const waiting = managed.handled.caughtUp();
  if (waiting === undefined) {
    stream.tellHandled(managed.handled.h);
    return;
  }
  const tell = () => {
    // By the other one, the database or the clock, it was told before.
    if (asked.tell !== tell) return;
    const { again } = asked;
    asked.tell = undefined;
    asked.again = false;
    stream.tellHandled(managed.handled.h);
    if (again) answer(stream);
  };
  asked.tell = tell;
  void waiting.then(tell);
  if (asked.timer) asked.timer.refresh();
  else asked.timer = setTimeout(tellLate, ANSWER_AT_LATEST, asked).unref();
}

function tellLate(asked: ClientStream["asked"]): void {
  asked.timer = undefined;
  asked.tell?.();
}

function acknowledged(element: Element, stream: ClientStream): undefined {
  const managed = stream.session?.managed;
  if (!managed) return;
  const h = readH(element);
  if (h === undefined) throw new StreamError("bad-format", "an acknowledgement without a count");
  if (!managed.acknowledge(h)) throw tooHigh(h, managed.unacked.sent);
}

/** §6 */
function tooHigh(h: number, sent: number): StreamError {
  const counts = { xmlns: NS_SM, h, "send-count": sent };
  return new StreamError("undefined-condition", undefined, xml("handled-count-too-high", counts));
}

/** @param h what an earlier session had handled: §5 */
function fail(stream: ClientStream, condition: StanzaCondition, h?: number): undefined {
  stream.send(xml("failed", { xmlns: NS_SM, h }, xml(condition, { xmlns: NS_STANZAS })));
}

function isBeginning(element: Element): boolean {
  return element.getName() === "enable" || element.getName() === "resume";
}

function readH(element: Element): number | undefined {
  const text = element.attrs.h ?? "";
  const h = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return h <= MAX_H ? h : undefined;
}

function isTrue(text: string | undefined): boolean {
  return text === "true" || text === "1";
}

/** @returns ms */
function limit(max: string | undefined, most: number): number {
  const asked = Number(max) * 1000;
  return asked > 0 ? Math.min(asked, most) : most;
}
