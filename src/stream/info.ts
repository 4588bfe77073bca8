import type { Jid } from "../xmpp/jid.js";

/** What a plugin may know of a stream. */
export interface StreamInfo {
  readonly id: string;
  readonly domain: string;
  readonly transport: "tcp" | "websocket" | "bosh";
  readonly remoteAddress: string;
  /** TLS protects it (or a proxy's TLS does, or it never leaves the machine where the config says so). */
  readonly secure: boolean;
  /** The authenticated account, once there is one. */
  readonly authenticated: Jid | undefined;
}
