import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";
import { TLSSocket } from "node:tls";

/** Who speaks HTTP with the server, as far as that can be believed. */
export interface HttpPeer {
  /** The client's address: that of the connection, or what a trusted proxy says. */
  readonly address: string;
  /** Nobody on the way can read along: TLS, here or at a trusted proxy, or it never leaves this machine. */
  readonly secure: boolean;
  /** HTTP without TLS, which never leaves this machine. */
  readonly plainLocal: boolean;
  /** A trusted proxy speaks for it. */
  readonly proxied: boolean;
  /** The client's own TLS, whose channel bindings hold; undefined behind a proxy. */
  readonly tls: TLSSocket | undefined;
}

/** What only a proxy adds. A request with any of them has come from elsewhere, whoever hands it on. */
const FORWARDED = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"] as const;
const LOOPBACK = networks(["127.0.0.0/8", "::1"]);

/** Tells clients from proxies. */
export class HttpPeers {
  readonly #trusted: BlockList;

  /** @param trusted addresses and networks (CIDR) of proxies that are believed. */
  constructor(trusted: readonly string[]) {
    this.#trusted = networks(trusted);
  }

  isTrusted(address: string): boolean {
    return has(this.#trusted, address);
  }

  of({ socket, headers }: IncomingMessage): HttpPeer {
    const address = plainAddress(socket.remoteAddress ?? "unknown");
    const tls = socket instanceof TLSSocket ? socket : undefined;
    const forwarded = FORWARDED.some((name) => headers[name] !== undefined);
    if (forwarded && this.isTrusted(address)) {
      const secure = forwardedOverTls(headers);
      const client = this.#client(headers, address);
      return { address: client, secure, plainLocal: false, proxied: true, tls: undefined };
    }
    const local = !forwarded && isLoopback(address) && isLoopback(plainAddress(socket.localAddress ?? ""));
    const secure = tls !== undefined || local;
    return { address, secure, plainLocal: local && tls === undefined, proxied: false, tls };
  }

  /** Each proxy adds at the end whom it heard: what stands before the last address that is no proxy, anybody may have made up. */
  #client(headers: IncomingHttpHeaders, proxy: string): string {
    const hops = list(headers["x-forwarded-for"]).map(plainAddress).reverse();
    let client = proxy;
    for (const hop of hops) {
      if (isIP(hop) === 0) break;
      client = hop;
      if (!this.isTrusted(hop)) break;
    }
    return client;
  }
}

function forwardedOverTls(headers: IncomingHttpHeaders): boolean {
  const protocols = list(headers["x-forwarded-proto"]);
  return protocols.length > 0 && protocols.every((name) => /^(https|wss)$/i.test(name));
}

function list(header: string | string[] | undefined): string[] {
  return String(header ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** Without the brackets and the port that some proxies add; IPv4 as such where it comes in the clothes of IPv6. */
function plainAddress(text: string): string {
  const bare = /^\[([^\]]+)\](:\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

function isLoopback(address: string): boolean {
  return has(LOOPBACK, address);
}

function networks(all: readonly string[]): BlockList {
  const found = new BlockList();
  for (const one of all) {
    const [address, bits] = one.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) found.addAddress(address, family);
    else found.addSubnet(address, Number(bits), family);
  }
  return found;
}

function has(set: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && set.check(address, version === 6 ? "ipv6" : "ipv4");
}
