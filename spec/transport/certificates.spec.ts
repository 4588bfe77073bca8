import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { promisify } from "node:util";
import { loadConfig } from "../../src/config/loader.js";
import { SetupError } from "../../src/config/setup-error.js";
import { serverEndPoint } from "../../src/transport/certificate-hash.js";
import {
  type CertificateConfig,
  type Certificates,
  ensureSelfSigned,
  loadCertificates,
} from "../../src/transport/certificates.js";
import { makeSelfSigned } from "../../src/transport/self-signed.js";

const run = promisify(execFile);
const YEAR = 365.25 * 86_400_000;

describe("certificates", () => {
  let folder: string;
  let notices: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-certificates-"));
    notices = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const notice = (sentence: string) => notices.push(sentence);

  function config(domains: object, tls: object = {}): CertificateConfig {
    return loadConfig({ text: JSON.stringify({ domains, tls, data: folder }) }).config;
  }

  /** Files of a certificate made for `domain`, for use as the domain's own. */
  async function files(domain: string, made = makeSelfSigned(domain)) {
    const certificate = join(folder, `${domain}.crt`);
    const key = join(folder, `${domain}.key`);
    await writeFile(certificate, made.certPem);
    await writeFile(key, made.keyPem);
    return { certificate, key };
  }

  async function failure(promise: Promise<unknown>): Promise<string> {
    const error = await promise.then(
      () => assert.fail("was accepted"),
      (reason: unknown) => reason,
    );
    assert(error instanceof SetupError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }

  describe("that Sluice makes", () => {
    it("name the domain, fit their key, and are valid from now for ten years", () => {
      const { certPem, keyPem } = makeSelfSigned("example.org");
      const certificate = new X509Certificate(certPem);
      assert(certificate.checkPrivateKey(createPrivateKey(keyPem)));
      assert(certificate.verify(certificate.publicKey));
      assert.equal(certificate.checkHost("example.org", { subject: "never" }), "example.org");
      assert.equal(certificate.checkHost("other.org"), undefined);
      assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
      assert.equal(certificate.ca, false);
      assert(Date.parse(certificate.validFrom) <= Date.now());
      assert(Math.abs(Date.parse(certificate.validTo) - Date.now() - 10 * YEAR) < 3 * 86_400_000);
    });

    it("name domains in other scripts by their ASCII form, and IP addresses as such", () => {
      assert(
        new X509Certificate(makeSelfSigned("münchen.example").certPem).checkHost("xn--mnchen-3ya.example"),
      );
      assert(new X509Certificate(makeSelfSigned("127.0.0.1").certPem).checkIP("127.0.0.1"));
    });

    it("are written right beyond the year 2049 and for long names", () => {
      const domain = `${"a".repeat(60)}.${"b".repeat(60)}.example.org`;
      const certificate = new X509Certificate(
        makeSelfSigned(domain, new Date("2045-06-01T00:00:00Z")).certPem,
      );
      assert.equal(certificate.validTo, "Jun  1 00:00:00 2055 GMT");
      assert(certificate.checkHost(domain));
    });

    it("are kept: the second start finds the first one's", async () => {
      const first = await ensureSelfSigned("example.org", join(folder, "new"));
      const second = await ensureSelfSigned("example.org", join(folder, "new"));
      assert.deepEqual([first.created, second.created], [true, false]);
      assert.equal(second.certPem, first.certPem);
      assert.equal(second.keyPem, first.keyPem);
    });

    it("can be read by their owner only, and leave nothing else behind", async () => {
      await ensureSelfSigned("example.org", join(folder, "new"));
      assert.deepEqual(await readdir(join(folder, "new")), ["example.org.pem"]);
      assert.equal((await stat(join(folder, "new"))).mode & 0o777, 0o700);
      assert.equal((await stat(join(folder, "new", "example.org.pem"))).mode & 0o777, 0o600);
    });

    it("are the same for all who make one at the same moment", async () => {
      const made = await Promise.all(
        Array.from({ length: 8 }, () => ensureSelfSigned("example.org", folder)),
      );
      assert.equal(made.filter(({ created }) => created).length, 1);
      assert.equal(new Set(made.map(({ certPem }) => certPem)).size, 1);
      assert.deepEqual(await readdir(folder), ["example.org.pem"]);
    });

    it("are made anew when they have expired", async () => {
      const old = makeSelfSigned("example.org", new Date("2001-01-01T00:00:00Z"));
      await writeFile(join(folder, "example.org.pem"), old.keyPem + old.certPem);
      const { created, certPem } = await ensureSelfSigned("example.org", folder);
      assert.equal(created, true);
      assert.notEqual(certPem, old.certPem);
      assert.equal((await ensureSelfSigned("example.org", folder)).certPem, certPem);
    });

    it("are not replaced when the file is damaged", async () => {
      const file = join(folder, "example.org.pem");
      await writeFile(file, "nonsense");
      assert.match(await failure(ensureSelfSigned("example.org", folder)), /example\.org\.pem is damaged/);
      assert.equal(await readFile(file, "utf8"), "nonsense");
    });

    it("need a folder that can be written", async () => {
      await writeFile(join(folder, "file"), "");
      assert.match(
        await failure(ensureSelfSigned("example.org", join(folder, "file"))),
        /cannot be read or written/,
      );
    });
  });

  describe("of the configuration", () => {
    it("are found by the name a client asks for", async () => {
      const certificates = await loadCertificates(
        config({ "a.org": await files("a.org"), "b.org": await files("b.org") }),
        notice,
      );
      const names = ["a.org", "B.org", "c.org", "no name", "", undefined].map((name) =>
        nameOf(certificates, name),
      );
      assert.deepEqual(names, ["CN=a.org", "CN=b.org", "CN=a.org", "CN=a.org", "CN=a.org", "CN=a.org"]);
      assert.deepEqual(notices, []);
    });

    it("serve the names below a domain that they cover too", async () => {
      const certificates = await loadCertificates(
        config({ "a.org": await files("a.org"), "b.org": await files("b.org", makeSelfSigned("*.b.org")) }),
        notice,
      );
      assert.equal(nameOf(certificates, "chat.b.org"), "CN=*.b.org");
      assert.equal(notices.length, 1, "it does not cover b.org itself");
      assert.match(notices[0], /not for that name/);
    });

    it("are shown to a client that connects with TLS, by SNI", async () => {
      const certificates = await loadCertificates(
        config({ "a.org": await files("a.org"), "b.org": {} }, { minVersion: "TLSv1.3" }),
        notice,
      );
      assert.match(notices.join(), /^Made a self-signed certificate for b\.org/);
      const server = createServer({
        SNICallback: (name, done) => done(null, certificates.secureContext(name)),
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      try {
        const { port } = server.address() as AddressInfo;
        const ca = new X509Certificate(certificates.certificateDer("b.org")).toString();
        const client = connect({ host: "127.0.0.1", port, servername: "b.org", ca });
        await once(client, "secureConnect");
        assert.equal(client.authorized, true);
        assert.deepEqual(client.getPeerCertificate().raw, certificates.certificateDer("b.org"));
        client.destroy();
      } finally {
        server.close();
      }
    });

    it("are made known with a warning when they have expired or are not for the domain", async () => {
      const expired = await files("a.org", makeSelfSigned("a.org", new Date("2001-01-01T00:00:00Z")));
      const future = await files("c.org", makeSelfSigned("c.org", new Date(Date.now() + YEAR)));
      await loadCertificates(
        config({ "a.org": expired, "b.org": await files("b.org", makeSelfSigned("x.org")), "c.org": future }),
        notice,
      );
      assert.equal(notices.length, 3);
      assert.match(notices[0], /a\.org expired on/);
      assert.match(notices[1], /b\.org is not for that name/);
      assert.match(notices[2], /c\.org is not valid before/);
    });

    it("must be there, and fit their key", async () => {
      const a = await files("a.org");
      const b = await files("b.org");
      const load = (domain: object, tls = {}) =>
        failure(loadCertificates(config({ "a.org": domain }, tls), notice));
      assert.match(await load({ ...a, key: b.key }), /do not belong together/);
      assert.match(
        await load({ ...a, key: join(folder, "none") }),
        /none cannot be read \(ENOENT\)\. Check domains/,
      );
      assert.match(await load({ ...a, certificate: a.key }), /holds no certificate/);
      assert.match(await load({ ...a, key: a.certificate }), /holds no private key/);
      assert.match(await load({}, { selfSigned: false }), /has no certificate/);
      assert.match(await load(a, { ciphers: "nonsense" }), /tls\.ciphers/);
      assert.match(await load(a, { clientCa: join(folder, "none") }), /Check tls\.clientCa/);
    });
  });

  describe("on reload", () => {
    it("are read anew", async () => {
      const own = await files("a.org");
      const certificates = await loadCertificates(config({ "a.org": own }), notice);
      const before = certificates.secureContext("a.org");
      const hash = certificates.certificateHash("a.org");
      await files("a.org");
      await certificates.reload();
      assert.notEqual(certificates.secureContext("a.org"), before);
      assert.notDeepEqual(certificates.certificateHash("a.org"), hash);
    });

    it("stay as they were when any of the new ones is bad", async () => {
      const own = { a: await files("a.org"), b: await files("b.org") };
      const certificates = await loadCertificates(config({ "a.org": own.a, "b.org": own.b }), notice);
      const before = certificates.secureContext("a.org");
      await files("a.org");
      await writeFile(own.b.key, "nonsense");
      await failure(certificates.reload());
      assert.equal(certificates.secureContext("a.org"), before);
    });

    it("may follow a new configuration", async () => {
      const certificates = await loadCertificates(config({ "a.org": {} }), notice);
      await certificates.reload(config({ "a.org": {}, "b.org": {} }));
      assert.equal(nameOf(certificates, "b.org"), "CN=b.org");
    });
  });

  describe("for channel binding", () => {
    /** A certificate that the openssl command makes, in DER. */
    async function openssl(...options: string[]): Promise<Buffer> {
      const out = join(folder, "out.der");
      await mkdir(folder, { recursive: true });
      const request = ["req", "-x509", "-nodes", "-subj", "/CN=a.org", "-keyout", join(folder, "out.key")];
      await run("openssl", [...request, "-outform", "DER", "-out", out, ...options]);
      return readFile(out);
    }

    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    const rsa = ["-newkey", "rsa:1024"];
    const pss = ["-sigopt", "rsa_padding_mode:pss"];
    for (const [hash, title, options] of [
      ["sha256", "SHA-256 with ECDSA", [...ec, "-sha256"]],
      ["sha384", "SHA-384 with ECDSA", [...ec, "-sha384"]],
      ["sha512", "SHA-512 with RSA", [...rsa, "-sha512"]],
      ["sha256", "SHA-1 with RSA", [...rsa, "-sha1"]],
      ["sha384", "SHA-384 with RSA-PSS", [...rsa, "-sha384", ...pss]],
      ["sha256", "SHA-1 with RSA-PSS", [...rsa, "-sha1", ...pss]],
    ] as const) {
      it(`are hashed with ${hash} when signed by ${title}`, async () => {
        const der = await openssl(...options);
        assert.deepEqual(serverEndPoint(der), createHash(hash).update(der).digest());
      });
    }

    it("have no hash when signed by Ed25519, as no binding is defined for it", async () => {
      assert.equal(serverEndPoint(await openssl("-newkey", "ed25519")), undefined);
    });

    it("are hashed by the name a client asks for", async () => {
      const certificates = await loadCertificates(config({ "a.org": {}, "b.org": {} }), notice);
      const der = certificates.certificateDer("b.org");
      assert.deepEqual(certificates.certificateHash("b.org"), createHash("sha256").update(der).digest());
      assert.notDeepEqual(certificates.certificateHash("a.org"), certificates.certificateHash("b.org"));
    });
  });
});

function nameOf(certificates: Certificates, servername: string | undefined): string {
  return new X509Certificate(certificates.certificateDer(servername)).subject;
}
