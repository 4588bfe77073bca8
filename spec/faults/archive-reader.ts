import { DOMAIN, PASSWORD, type Place } from "./place.js";
import { WireConnection } from "./wire-client.js";

const NS_MAM = "urn:xmpp:mam:2";
const PAGE = 250;

/** Times that somebody comes, and ms between them: a node that was cut off ends its streams and joins its cluster anew. */
const ATTEMPTS = 50;
const AGAIN = 200;

async function enter(name: string, place: Place): Promise<WireConnection> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const connection = await WireConnection.open(await place.up());
    if (connection && (await connection.login(name, DOMAIN, PASSWORD))) {
      if (await connection.bindResource("archive")) return connection;
    }
    connection?.drop();
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
  throw new Error(`${name} cannot log in`);
}

/** The bodies of an account's whole archive, in its order, read page by page: XEP-0313 §4.3. */
export async function readArchive(name: string, place: Place): Promise<string[]> {
  const connection = await enter(name, place);
  const bodies: string[] = [];
  connection.onElement = (element) => {
    const message = element.getChild("result", NS_MAM)?.getChild("forwarded")?.getChild("message");
    if (message) bodies.push(message.getChildText("body") ?? "");
  };
  let after = "";
  for (;;) {
    connection.write(
      `<iq type='set' id='page'><query xmlns='${NS_MAM}'><set xmlns='http://jabber.org/protocol/rsm'><max>${PAGE}</max>${after}</set></query></iq>`,
    );
    const answer = await connection.next((element) => element.is("iq") && element.attrs.id === "page");
    const fin = answer?.getChild("fin", NS_MAM);
    if (!fin) throw new Error(`the archive of ${name} cannot be read: ${answer?.toString()}`);
    if (fin.attrs.complete === "true") break;
    after = `<after>${fin.getChild("set")?.getChildText("last")}</after>`;
  }
  connection.close();
  return bodies;
}

/** Of the messages in an archive, the numbers of those of one sender. */
export function numbersOf(sender: string, bodies: readonly string[]): number[] {
  return bodies
    .map((body) => body.split(" "))
    .filter(([name]) => name === sender)
    .map(([, number]) => Number(number));
}
