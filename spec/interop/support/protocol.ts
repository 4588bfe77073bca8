/**
 * What a spec and a client in a process of its own tell each other: one JSON object a line, commands to its standard
 * input, happenings from its standard output. Each client library has a driver that speaks this.
 */

export interface Login {
  /** Bare, such as romeo@localhost. */
  jid: string;
  password: string;
  host: string;
  port: number;
  /** TLS from the first byte; otherwise STARTTLS, which must succeed. */
  directTls: boolean;
  /** PEM file with the only certificate to trust. */
  certificate: string;
  /** When the connection is lost it comes back and resumes (XEP-0198); otherwise that is the end of it. */
  resumes?: boolean;
}

export type Command =
  | ({ do: "login" } & Login)
  /** Asks to see the presence of `jid`. */
  | { do: "add"; jid: string }
  /** Lets `jid` see the own presence. */
  | { do: "accept"; jid: string }
  /** With an `id` the sender asks to be told when it was shown (XEP-0333); only the driver of @xmpp/client does so. */
  | { do: "message"; to: string; body: string; id?: string }
  /** Uploads a text as a file (XEP-0363); only the driver of slixmpp does so. */
  | { do: "upload"; name: string; text: string }
  | { do: "logout" };

export type Happening =
  /** Logged in, roster read, available. `jid` is the full one. */
  | { saw: "online"; jid: string }
  | { saw: "offline" }
  /** The connection is lost; only of one that resumes. */
  | { saw: "cut" }
  | { saw: "resumed" }
  /** An item of the roster, at login or pushed. `subscription`: none, to, from, both. */
  | { saw: "contact"; jid: string; subscription: string }
  /** Someone asks to see the own presence. */
  | { saw: "request"; from: string }
  | { saw: "presence"; from: string; available: boolean }
  /** `delayed`: it carries the time it was first sent (XEP-0203). */
  | { saw: "message"; from: string; body: string; delayed: boolean }
  /** The other client has shown the message with that id to its user. */
  | { saw: "displayed"; from: string; id: string }
  /** A file is where others find it. */
  | { saw: "uploaded"; address: string }
  /** The driver cannot go on. */
  | { saw: "trouble"; why: string };

export type Kind = Happening["saw"];
export type Saw<K extends Kind> = Extract<Happening, { saw: K }>;
