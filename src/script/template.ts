import { StepError } from "./failure.js";
import type { ClientSpec } from "./script.js";

/** What `${…}` may look up of a client. */
export interface Person {
  spec: ClientSpec;
  /** Bare JID of this run. */
  jid: string;
  /** Known once a resource is bound, or before when the script chose it. */
  fullJid: string | undefined;
}

/** Characters that end a localpart: those RFC 7622 §3.3.1 excludes, white space, and those of a placeholder. */
const LOCAL = "[^\\s\"'&<>/@:{}$]+";
const EDGE = "[\\p{L}\\p{N}_-]";

/**
 * Gives a script addresses of its own, so that scripts run side by side: `romeo@localhost` becomes
 * `romeo-k3x@localhost`, and `room@conference.localhost` `room-k3x@conference.localhost`.
 */
export class Template {
  readonly #rewriteAccounts: (text: string) => string;
  readonly #people = new Map<string, Person>();
  /** What `{scansion:capture:name}` took. */
  readonly captures = new Map<string, string>();

  /**
   * @param suffix put behind localparts, e.g. "-k3x".
   * @param domain that of the server, which replaces the domain the script is written for.
   */
  constructor(clients: ClientSpec[], suffix: string, domain: string) {
    this.#rewriteAccounts = accountRewriter(clients, suffix, domain);
    for (const spec of clients) {
      const jid = this.#rewriteAccounts(spec.jid.split("/")[0]);
      const fullJid = spec.resource === undefined ? undefined : `${jid}/${spec.resource}`;
      this.#people.set(spec.name, { spec, jid, fullJid });
    }
  }

  person(name: string): Person {
    const person = this.#people.get(name);
    if (!person) throw new StepError(`there is no client called ${name}`);
    return person;
  }

  /**
   * The text with this run's addresses and with its `${…}` replaced, innermost first.
   * @param quote how a value is written where it stands, e.g. escaped for XML.
   * @throws StepError for a placeholder that means nothing, or not yet.
   */
  fill(text: string, quote: (value: string) => string = (value) => value): string {
    const pattern = /\$\{([^{}$]*)\}/g;
    let filled = this.#rewriteAccounts(text);
    while (pattern.test(filled))
      filled = filled.replace(pattern, (_, words: string) => quote(this.#value(words)));
    return filled;
  }

  #value(words: string): string {
    const [, call, rest] = /^(base64|repeat) (.*)$/s.exec(words) ?? [];
    if (call === "base64") return Buffer.from(rest.replaceAll("\\0", "\0")).toString("base64");
    if (call === "repeat") return repeat(rest);
    const [, name, property] = /^(.*)'s (full JID|JID|username|resource|domain|password)$/.exec(words) ?? [];
    if (name !== undefined) return this.#property(name, property);
    const captured = this.captures.get(words);
    if (captured === undefined) throw new StepError(`nothing was captured as "${words}"`);
    return captured;
  }

  #property(name: string, property: string): string {
    const { spec, jid, fullJid } = this.person(name);
    if (property === "JID") return jid;
    if (property === "password") return spec.password;
    if (property === "username") return jid.slice(0, jid.indexOf("@"));
    if (property === "domain") return jid.slice(jid.indexOf("@") + 1);
    if (fullJid === undefined) throw new StepError(`${name} has no resource yet`);
    return property === "resource" ? fullJid.slice(jid.length + 1) : fullJid;
  }
}

/** `1000 text` is the text a thousand times. */
function repeat(words: string): string {
  const [, count, text] = /^(\d{1,8}) (.+)$/s.exec(words) ?? [];
  if (count === undefined) throw new StepError(`\${repeat COUNT TEXT} expected, not "${words}"`);
  return text.repeat(Number(count));
}

function accountRewriter(clients: ClientSpec[], suffix: string, domain: string): (text: string) => string {
  const bare = clients.map((client) => client.jid.split("/")[0]);
  const written = bare[0].slice(bare[0].indexOf("@") + 1);
  const fresh = clients.flatMap(({ account }, index) => (account === "fixed" ? [] : [literal(bare[index])]));
  const own = fresh.length === 0 ? "(?!)" : `(?<!${EDGE}|\\.)(${fresh.join("|")})(?!${EDGE}|\\.${EDGE})`;
  const accounts = new RegExp(own, "giu");
  const rooms = new RegExp(
    `(${LOCAL})(@[\\p{L}\\p{N}.-]+\\.${literal(written)})(?!${EDGE}|\\.${EDGE})`,
    "giu",
  );
  const host = new RegExp(`(?<!${EDGE})${literal(written)}(?!${EDGE}|\\.${EDGE})`, "giu");
  return (text) => {
    const renamed = text
      .replace(rooms, (_, local: string, rest: string) => `${local}${suffix}${rest}`)
      .replace(accounts, (jid: string) => jid.replace("@", `${suffix}@`));
    return written === domain ? renamed : renamed.replace(host, domain);
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
