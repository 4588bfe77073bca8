import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { dirname, join } from "node:path";
import { domainToASCII } from "node:url";
import { SetupError } from "../config/setup-error.js";
import { encode, oid, sequence, TAG, time } from "./der.js";

export interface KeyAndCertificate {
  certPem: string;
  keyPem: string;
}

const YEARS = 10;
const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

/**
 * The self-signed certificate of a domain, kept with its key in `<folder>/<domain>.pem`; made if there is none, or if it
 * has expired. Of two processes that make one at the same time both use the first.
 * @throws SetupError if the file cannot be read or written
 */
export async function ensureSelfSigned(
  domain: string,
  folder: string,
): Promise<KeyAndCertificate & { created: boolean }> {
  const file = join(folder, `${domainToASCII(domain)}.pem`);
  try {
    const old = await readPair(file);
    if (old && !isExpired(old)) return { ...old, created: false };
    const made = makeSelfSigned(domain);
    const created = await store(file, made, old !== undefined);
    return { ...(created ? made : ((await readPair(file)) ?? made)), created };
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(
      `The self-signed certificate ${file} cannot be read or written (${(error as Error).message}). Let the server's user write there, or give the domain a certificate of its own (domains.*.certificate).`,
    );
  }
}

/** A certificate by itself for one domain, ECDSA P-256, valid for ten years. RFC 5280 §4.1 */
export function makeSelfSigned(domain: string, now = new Date()): KeyAndCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const name = subjectName(domain);
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40; // positive, and no leading zero
  const until = new Date(now);
  until.setUTCFullYear(until.getUTCFullYear() + YEARS);
  const certificate = sequence(
    encode(0xa0, encode(TAG.integer, Buffer.from([2]))), // version 3
    encode(TAG.integer, serial),
    ECDSA_WITH_SHA256,
    name,
    // A little earlier, for clients whose clock is behind.
    sequence(time(new Date(now.getTime() - 3_600_000)), time(until)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    encode(0xa3, sequence(...extensions(domain))),
  );
  return {
    certPem: toPem(signed(certificate, privateKey)),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

function signed(certificate: Buffer, key: KeyObject): Buffer {
  return sequence(certificate, ECDSA_WITH_SHA256, bits(0, sign("sha256", certificate, key)));
}

/** RFC 5280 §4.2.1 */
function extensions(domain: string): Buffer[] {
  const extension = (id: string, critical: boolean, value: Buffer) =>
    sequence(
      oid(id),
      ...(critical ? [encode(TAG.boolean, Buffer.from([0xff]))] : []),
      encode(TAG.octetString, value),
    );
  return [
    extension("2.5.29.19", true, sequence()), // basicConstraints: no authority
    extension("2.5.29.15", true, bits(7, Buffer.from([0x80]))), // keyUsage: digitalSignature
    extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"))), // extKeyUsage: serverAuth
    extension("2.5.29.17", false, sequence(alternativeName(domain))),
  ];
}

/** RFC 5280 §4.2.1.6: dNSName is [2], iPAddress is [7]. */
function alternativeName(domain: string): Buffer {
  if (isIPv4(domain)) return encode(0x87, Buffer.from(domain.split(".").map(Number)));
  return encode(0x82, Buffer.from(domainToASCII(domain)));
}

function subjectName(domain: string): Buffer {
  // ub-common-name is 64 characters, RFC 5280 appendix A.1; the alternative name is what counts.
  const text = Buffer.from(domain.length <= 64 ? domain : "Sluice");
  return sequence(encode(TAG.set, sequence(oid("2.5.4.3"), encode(TAG.utf8String, text))));
}

function bits(unused: number, content: Uint8Array): Buffer {
  return encode(TAG.bitString, Buffer.from([unused]), content);
}

function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

async function readPair(file: string): Promise<KeyAndCertificate | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [certPem = ""] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/.exec(text) ?? [];
  const [keyPem = ""] = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n?/.exec(text) ?? [];
  if (!isPair(certPem, keyPem)) {
    throw new SetupError(
      `The file ${file} is damaged. Delete it, and a new self-signed certificate is made.`,
    );
  }
  return { certPem, keyPem };
}

function isPair(certPem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false; // one of the two cannot be read at all
  }
}

function isExpired({ certPem }: KeyAndCertificate): boolean {
  return Date.parse(new X509Certificate(certPem).validTo) <= Date.now();
}

/** Writes all or nothing. @returns false if another process was quicker */
async function store(
  file: string,
  { keyPem, certPem }: KeyAndCertificate,
  replace: boolean,
): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(keyPem + certPem);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike rename, link leaves a file alone that is there already.
    await (replace ? rename(draft, file) : link(draft, file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
