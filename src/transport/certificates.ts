import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { domainToASCII } from "node:url";
import type { CertificateSettings, Config, TlsConfig } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import { serverEndPoint } from "./certificate-hash.js";
import { ensureSelfSigned, type KeyAndCertificate } from "./self-signed.js";

export { ensureSelfSigned } from "./self-signed.js";

export type CertificateConfig = CertificateSettings & Pick<Config, "data">;

/** Told of what the admin should see to, in plain sentences. */
export type Notice = (sentence: string) => void;

interface Entry {
  certificate: X509Certificate;
  context: SecureContext;
  hash: Buffer | undefined;
}

/** The certificates of all domains, found by the name that a client asks for (SNI). A name never asked for, or none, gets the first domain's. */
export class Certificates {
  #config: CertificateConfig;
  #entries: ReadonlyMap<string, Entry>;
  readonly #notice: Notice;

  /** Use `loadCertificates`. @param entries at least one, by domain in its ASCII form */
  constructor(config: CertificateConfig, entries: ReadonlyMap<string, Entry>, notice: Notice) {
    this.#config = config;
    this.#entries = entries;
    this.#notice = notice;
  }

  secureContext(servername: string | undefined): SecureContext {
    return this.#find(servername).context;
  }

  certificateDer(servername: string | undefined): Buffer {
    return this.#find(servername).certificate.raw;
  }

  /** For the channel binding `tls-server-end-point`; undefined where RFC 5929 §4.1 defines none. */
  certificateHash(servername: string | undefined): Buffer | undefined {
    return this.#find(servername).hash;
  }

  /**
   * Reads all files anew. What is connected keeps its certificate.
   * @param config if it changed
   * @throws SetupError, and keeps the old certificates, if any of the new ones is bad
   */
  async reload(config: CertificateConfig = this.#config): Promise<void> {
    this.#entries = await loadEntries(config, this.#notice);
    this.#config = config;
  }

  #find(servername: string | undefined): Entry {
    const [first] = this.#entries.values();
    const name = domainToASCII(servername ?? "");
    // Nothing was asked for, or nothing that could be a name.
    if (name === "") return first;
    return this.#entries.get(name) ?? this.#covering(name) ?? first;
  }

  /** For names below a domain, such as `chat.example.org` with a certificate for `*.example.org`. */
  #covering(name: string): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.certificate.checkHost(name)) return entry;
    return undefined;
  }
}

/**
 * Reads the certificate of every domain, and makes one for a domain that has none.
 * @param notice is told of certificates that work but should not stay so
 * @throws SetupError if a certificate or key cannot be used
 */
export async function loadCertificates(config: CertificateConfig, notice: Notice): Promise<Certificates> {
  return new Certificates(config, await loadEntries(config, notice), notice);
}

async function loadEntries(config: CertificateConfig, notice: Notice): Promise<Map<string, Entry>> {
  const { tls } = config;
  const clientCa = tls.clientCa === undefined ? undefined : await read(tls.clientCa, "tls.clientCa");
  const entries = new Map<string, Entry>();
  for (const [domain, options] of Object.entries(config.domains)) {
    const pair = await readPair(domain, options, config, notice);
    entries.set(domainToASCII(domain), toEntry(domain, pair, tls, clientCa, notice));
  }
  return entries;
}

async function readPair(
  domain: string,
  { certificate, key }: CertificateSettings["domains"][string],
  { data, tls }: CertificateConfig,
  notice: Notice,
): Promise<KeyAndCertificate> {
  if (certificate !== undefined && key !== undefined) {
    return {
      certPem: await readPart(domain, "certificate", certificate),
      keyPem: await readPart(domain, "key", key),
    };
  }
  if (!tls.selfSigned) {
    throw new SetupError(
      `The domain ${domain} has no certificate. Set domains."${domain}".certificate and key, or let Sluice make one with tls.selfSigned: true.`,
    );
  }
  const pair = await ensureSelfSigned(domain, join(data, "certificates"));
  if (pair.created) {
    notice(`Made a self-signed certificate for ${domain}. Clients will ask their users whether to trust it.`);
  }
  return pair;
}

function toEntry(
  domain: string,
  { certPem, keyPem }: KeyAndCertificate,
  tls: TlsConfig,
  ca: string | undefined,
  notice: Notice,
): Entry {
  const certificate = parseCertificate(domain, certPem);
  if (!certificate.checkPrivateKey(parseKey(domain, keyPem))) {
    throw new SetupError(
      `The certificate and the key of ${domain} do not belong together. Check domains."${domain}"; in the certificate file the domain's own certificate must come first.`,
    );
  }
  for (const sentence of shortcomings(domain, certificate)) notice(sentence);
  const { minVersion, ciphers } = tls;
  const context = setUp(`The certificate of ${domain}, tls.ciphers or tls.clientCa cannot be used`, () =>
    createSecureContext({ cert: certPem, key: keyPem, minVersion, ciphers, ca }),
  );
  return { certificate, context, hash: serverEndPoint(certificate.raw) };
}

function parseCertificate(domain: string, pem: string): X509Certificate {
  const problem = `The certificate file of ${domain} holds no certificate in PEM form, which starts with -----BEGIN CERTIFICATE-----`;
  return setUp(problem, () => new X509Certificate(pem));
}

function parseKey(domain: string, pem: string): KeyObject {
  const problem = `The key file of ${domain} holds no private key in PEM form without a passphrase`;
  return setUp(problem, () => createPrivateKey(pem));
}

function setUp<T>(problem: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new SetupError(`${problem}. (${(error as Error).message})`);
  }
}

function* shortcomings(domain: string, certificate: X509Certificate): Generator<string> {
  const { validFrom, validTo } = certificate;
  if (Date.parse(validTo) < Date.now()) {
    yield `The certificate of ${domain} expired on ${validTo}. Renew it and send SIGHUP.`;
  }
  if (Date.parse(validFrom) > Date.now()) {
    yield `The certificate of ${domain} is not valid before ${validFrom}. Check it and the clock of this machine.`;
  }
  if (!covers(certificate, domain)) {
    yield `The certificate of ${domain} is not for that name (it has ${certificate.subjectAltName ?? "none"}). Most clients will refuse it; get one that names ${domain}.`;
  }
}

function covers(certificate: X509Certificate, domain: string): boolean {
  const name = domainToASCII(domain);
  return (isIPv4(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined;
}

/** Of a pair, each by itself. @throws SetupError if the file cannot be read */
export function readPart(domain: string, part: "certificate" | "key", file: string): Promise<string> {
  return read(file, `domains."${domain}".${part}`);
}

async function read(file: string, option: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new SetupError(
      `The file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Check ${option}, and that the server's user may read it.`,
    );
  }
}
