import { createHash } from "node:crypto";
import { decode, readOid } from "./der.js";

/** The hash that each signature algorithm uses. RFC 3279 §2.2, RFC 5758 §3, RFC 8017 appendix A.2.4 */
const HASHES: Record<string, string> = {
  "1.2.840.113549.1.1.4": "md5",
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.113549.1.1.14": "sha224",
  "1.2.840.10045.4.1": "sha1",
  "1.2.840.10045.4.3.1": "sha224",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
};

/** Hash functions by themselves, as RSASSA-PSS names them in its parameters. RFC 4055 §2.1 */
const PSS_HASHES: Record<string, string> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
  "2.16.840.1.101.3.4.2.4": "sha224",
};
const RSASSA_PSS = "1.2.840.113549.1.1.10";

/**
 * The channel binding `tls-server-end-point`: the certificate's hash by the hash function of its signature, with SHA-256 in
 * place of MD5 and SHA-1. Undefined for signatures without a single hash function, such as Ed25519. RFC 5929 §4.1
 * @param der the whole certificate
 */
export function serverEndPoint(der: Buffer): Buffer | undefined {
  const hash = signatureHash(der);
  if (hash === undefined) return undefined;
  return createHash(hash === "md5" || hash === "sha1" ? "sha256" : hash)
    .update(der)
    .digest();
}

/** `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, parameters }, … }` RFC 5280 §4.1 */
function signatureHash(der: Buffer): string | undefined {
  const [certificate] = decode(der);
  const [, signatureAlgorithm] = decode(certificate.content);
  const [algorithm, parameters] = decode(signatureAlgorithm.content);
  const id = readOid(algorithm.content);
  if (id !== RSASSA_PSS) return HASHES[id];
  const [hash] = parameters ? decode(parameters.content) : [];
  // Without the first parameter, [0], the hash is SHA-1. RFC 4055 §3.1
  if (hash?.tag !== 0xa0) return "sha1";
  const [{ content }] = decode(hash.content);
  return PSS_HASHES[readOid(decode(content)[0].content)];
}
