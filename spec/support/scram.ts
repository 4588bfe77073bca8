import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { Element } from "../../src/xml/element.js";

export const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

export interface ScramLogin {
  name: string;
  password: string;
  /** `"n,,"`, `"y,,"` or `"p=tls-exporter,,"` */
  gs2?: string;
  /** Channel-binding data. */
  binding?: Buffer;
}

/** Any connection over which a client can log in. */
export interface Talker {
  write(text: string): void;
  /** The next element that matches. */
  next(match: (element: Element) => boolean): Promise<Element>;
}

export function auth(mechanism: string, response: Buffer | string): string {
  const text = typeof response === "string" ? response : response.toString("base64");
  return `<auth xmlns='${NS_SASL}' mechanism='${mechanism}'>${text}</auth>`;
}

/** See `RawClient.scram`. */
export async function scram(client: Talker, mechanism: string, login: ScramLogin): Promise<Element> {
  const { gs2 = "n,,", binding = Buffer.alloc(0), name, password } = login;
  const digest = `sha${/^SCRAM-SHA-(\d+)/.exec(mechanism)?.[1]}`;
  const bare = `n=${name},r=${randomBytes(12).toString("hex")}`;
  client.write(auth(mechanism, Buffer.from(gs2 + bare)));
  const challenge = await client.next((element) => element.getNS() === NS_SASL);
  if (!challenge.is("challenge")) return challenge;
  const first = Buffer.from(challenge.getText(), "base64").toString();
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first) ?? [];
  const length = createHash(digest).digest().length;
  const hmac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), length, digest);
  const clientKey = hmac(salted, "Client Key");
  const c = Buffer.concat([Buffer.from(gs2), binding]).toString("base64");
  const withoutProof = `c=${c},r=${nonce}`;
  const messages = `${bare},${first},${withoutProof}`;
  const signature = hmac(createHash(digest).update(clientKey).digest(), messages);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at])).toString("base64");
  client.write(
    `<response xmlns='${NS_SASL}'>${Buffer.from(`${withoutProof},p=${proof}`).toString("base64")}</response>`,
  );
  const outcome = await client.next((element) => element.getNS() === NS_SASL);
  const expected = `v=${hmac(hmac(salted, "Server Key"), messages).toString("base64")}`;
  if (outcome.is("success") && Buffer.from(outcome.getText(), "base64").toString() !== expected)
    throw new Error("the server does not know the password either");
  return outcome;
}
