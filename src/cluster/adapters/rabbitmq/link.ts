import type { Socket } from "node:net";
import { unescape as decode } from "node:querystring";
import { setTimeout as wait } from "node:timers/promises";
import { type Channel, type ChannelModel, type ConfirmChannel, connect, credentials } from "amqplib";
import { unless } from "./backoff.js";
import type { RabbitOptions } from "./options.js";

/** ms that the broker may take to say goodbye. */
const GOODBYE = 1000;

/** The broker's answer to what it does not do, as the number of AMQP 0-9-1; undefined when it was no answer. */
export const answerOf = (error: unknown): number | undefined =>
  (error as { code?: number } | undefined)?.code;

/** There is no such queue; a queue whose broker is away for the moment is answered 404 as well. */
export const isMissing = (error: unknown): boolean =>
  answerOf(error) === 404 && /no queue/.test(String(error));

/** It belongs to another connection. */
export const isLocked = (error: unknown): boolean => answerOf(error) === 405;

/** It is there already and different, or it is not empty. */
export const isRefused = (error: unknown): boolean => answerOf(error) === 406;

/** It does not let us in: by name and password, or since there is no such vhost. */
export const isFinal = (error: unknown): boolean =>
  error instanceof NoEntry || /ACCESS.REFUSED|NOT.ALLOWED/.test(String(error));

/** The vhost is not there, or closed to us. */
class NoEntry extends Error {
  constructor({ host, pathname }: URL, user: string, cause: unknown) {
    const vhost = decode(pathname.slice(1)) || "/";
    super(
      `the broker at ${host} has no vhost ${JSON.stringify(vhost)}, or does not let the user ${user} into it: ` +
        "make it with rabbitmqctl add_vhost, and let the user in with rabbitmqctl set_permissions",
      { cause },
    );
  }
}

/**
 * What lasts as long as the broker can be reached: two connections, since the broker reads nothing more from one that sends
 * too much, and acknowledgements are not to wait for that. When one of them ends, so does the other.
 */
export class Link {
  readonly #lost = new AbortController();
  #closing = false;

  private constructor(
    private readonly incoming: ChannelModel,
    private readonly outgoing: ChannelModel,
    /** What is published on it is confirmed. */
    readonly publisher: ConfirmChannel,
  ) {
    for (const model of [incoming, outgoing]) {
      model.on("error", (error) => this.lose(error));
      model.on("close", (error) => this.lose(error ?? new Error("the connection was closed")));
    }
    publisher.on("error", (error) => this.lose(error));
    publisher.on("close", () => this.lose(new Error("the channel was closed")));
  }

  /** @param blocked is told when the broker takes no more messages, and why, and when it does again */
  static async open(
    url: string,
    options: RabbitOptions,
    blocked: (why: Error | undefined) => void,
  ): Promise<Link> {
    const opened = await Promise.allSettled([connectTo(url, options), connectTo(url, options)]);
    const models = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    try {
      const failed = opened.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
      const [incoming, outgoing] = models;
      const publisher = await outgoing.createConfirmChannel();
      outgoing.on("blocked", (why) => blocked(new Error(`the broker takes no messages: ${why}`)));
      outgoing.on("unblocked", () => blocked(undefined));
      return new Link(incoming, outgoing, publisher);
    } catch (error) {
      for (const model of models) socketOf(model).destroy(error as Error);
      throw error;
    }
  }

  /** Given when the broker cannot be reached through it any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends it at once. */
  lose(error: Error): void {
    // One of the two is closed first.
    if (!this.#closing) this.#lose(error);
  }

  #lose(error: Error): void {
    if (this.lost.aborted) return;
    this.#lost.abort(error);
    for (const model of [this.incoming, this.outgoing]) socketOf(model).destroy(error);
  }

  /** For consuming. */
  async channel(): Promise<Channel> {
    this.lost.throwIfAborted();
    const channel = await this.incoming.createChannel();
    // Who asked for something is told why it was refused.
    channel.on("error", () => undefined);
    return channel;
  }

  /** Does something on a channel of its own: the broker closes a channel when it refuses. */
  async ask<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.channel();
    let closed = false;
    channel.on("close", () => {
      closed = true;
    });
    try {
      return await work(channel);
    } finally {
      // The library forgets to tell that the connection has ended meanwhile.
      if (!closed) await unless(this.lost, channel.close());
    }
  }

  /** Ends it; what was sent before arrives. */
  async close(): Promise<void> {
    if (this.lost.aborted) return;
    this.#closing = true;
    const timer = new AbortController();
    const goodbye = Promise.allSettled([this.incoming, this.outgoing].map((model) => model.close()));
    await Promise.race([goodbye, wait(GOODBYE, undefined, { signal: timer.signal })]);
    timer.abort();
    this.#lose(new Error("the connection was closed"));
  }
}

async function connectTo(url: string, options: RabbitOptions): Promise<ChannelModel> {
  const address = new URL(url);
  address.searchParams.set("heartbeat", String(options.heartbeat));
  // As RabbitMQ has it where nobody is named. The library would take them for Latin-1.
  const anybody = address.username === "" && address.password === "";
  const [user, password] = anybody ? ["guest", "guest"] : [address.username, address.password].map(decode);
  const model = await connect(address.href, {
    ...options.tls,
    credentials: credentials.plain(user, password),
    timeout: options.connectTimeout,
    noDelay: true,
    keepAlive: true,
    clientProperties: { connection_name: options.prefix },
  }).catch((error: unknown) => {
    // What the broker says the library does not tell.
    if (/ConnectionOpenOk; got <ConnectionClose/.test(String(error))) throw new NoEntry(address, user, error);
    throw error;
  });
  // It may be lost before a link listens, while the other one is still being opened; an error that nobody hears ends the process.
  model.on("error", () => undefined);
  return model;
}

/**
 * The library does not let go of a socket whose other side is silent. It has to be destroyed with an error: of an end without
 * one the library does not hear, and what waits for an answer would wait for ever.
 */
const socketOf = (model: ChannelModel): Socket => (model.connection as unknown as { stream: Socket }).stream;
