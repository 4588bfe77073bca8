import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Driver } from "../support/driven-client.js";
import { sources } from "../support/repository.js";

/** @xmpp/client, which knows no other way to trust a certificate than that of its process. */
export const xmppJs: Driver = ({ certificate }) => ({
  command: process.execPath,
  args: [fileURLToPath(new URL("./xmpp-js.js", import.meta.url))],
  env: { ...process.env, NODE_EXTRA_CA_CERTS: certificate },
});

/** Debian's Python, as that is where Debian's slixmpp is. */
export const PYTHON = "/usr/bin/python3";

/** What it uploads goes over HTTPS by aiohttp, which takes what OpenSSL trusts. */
export const slixmpp: Driver = ({ certificate }) => ({
  command: PYTHON,
  args: [join(sources, "clients", "slixmpp_client.py")],
  env: { ...process.env, SSL_CERT_FILE: certificate },
});
