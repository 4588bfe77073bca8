import { Client } from "./client.js";

export interface Target {
  host: string;
  port: number;
  /** Where every other client connects; undefined: they all go to `port`. */
  secondPort?: number | undefined;
  /** Two neighbours connect to the same port, the next two to the other one. */
  pairsTogether?: boolean;
  /**
   * `relay`: one line says who the client is. `xmpp`: SASL PLAIN without TLS, bind, session, presence. `websocket`: the same
   * by RFC 7395.
   */
  protocol: "relay" | "xmpp" | "websocket";
  domain: string;
}

export interface Account {
  name: string;
  password: string;
}

const RESOURCE = "bench";
const LOGINS_AT_ONCE = 20;

export function accounts(count: number): Account[] {
  return Array.from({ length: count }, (_, i) => ({ name: `u${i}`, password: `secret-${i}` }));
}

export function fullJid(account: Account, target: Target): string {
  return `${account.name}@${target.domain}/${RESOURCE}`;
}

/** Logs all accounts in, 20 at a time, and resolves with their clients in the same order. */
export async function connectAll(all: readonly Account[], target: Target): Promise<Client[]> {
  const clients: Client[] = [];
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const at = next++;
      const turn = target.pairsTogether ? Math.floor(at / 2) : at;
      const port = turn % 2 === 1 && target.secondPort !== undefined ? target.secondPort : target.port;
      clients[at] = await connect(all[at], { ...target, port });
    }
  };
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, worker));
  return clients;
}

async function connect(account: Account, target: Target): Promise<Client> {
  const client = new Client(account.name, target.host, target.port);
  if (target.protocol === "relay") {
    client.write(`${fullJid(account, target)}\n`);
    await client.expect(/ok\n/);
  } else {
    if (target.protocol === "websocket") await client.upgrade(target.port);
    await login(client, account, target);
  }
  return client;
}

async function login(client: Client, account: Account, target: Target): Promise<void> {
  await openStream(client, target);
  const plain = Buffer.from(`\0${account.name}\0${account.password}`).toString("base64");
  client.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`);
  await client.expect(/<success[^>]*>/);
  const features = await openStream(client, target);
  await request(
    client,
    `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${RESOURCE}</resource></bind>`,
  );
  if (features.includes("<session")) {
    await request(client, "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>");
  }
  client.write(`<presence${namespace(client)}/>`);
  await settle(client, target);
}

async function openStream(client: Client, target: Target): Promise<string> {
  if (client.framed) {
    client.write(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${target.domain}' version='1.0'/>`);
    return client.expect(/<\/stream:features>/);
  }
  client.write(
    `<?xml version='1.0'?><stream:stream to='${target.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
  );
  return client.expect(/<\/stream:features>/);
}

async function request(client: Client, payload: string): Promise<void> {
  client.write(`<iq${namespace(client)} type='set' id='login'>${payload}</iq>`);
  const answer = await client.expect(/<iq[^>]*\bid=['"]login['"][^>]*(?:\/>|>.*?<\/iq>)/s);
  if (!/<iq[^>]*\btype=['"]result['"]/.test(answer)) throw new Error(`${client.name}: ${answer}`);
}

/** Any answer, an error too, says that all that was sent before has been handled: a server answers in order. */
async function settle(client: Client, target: Target): Promise<void> {
  client.write(
    `<iq${namespace(client)} type='get' id='settle' to='${target.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  await client.expect(/<iq[^>]*\bid=['"]settle['"][^>]*(?:\/>|>.*?<\/iq>)/s);
}

/** What stands around a stanza declares it, unless nothing does: RFC 7395 §3.3.3. */
export function namespace({ framed }: Client): string {
  return framed ? " xmlns='jabber:client'" : "";
}
