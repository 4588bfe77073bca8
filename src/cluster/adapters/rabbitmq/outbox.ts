import { setTimeout as wait } from "node:timers/promises";
import type { ConfirmChannel, Message } from "amqplib";
import type { RabbitOptions } from "./options.js";

interface Sent {
  /** When, in ms. */
  at: number;
  bytes: number;
  /** There is no queue for it. */
  returned: boolean;
  resolve: () => void;
  reject: (error: Error) => void;
}

export interface Sending {
  /** It has to get into a queue. */
  mandatory: boolean;
  /** It outlives the broker. */
  persistent: boolean;
}

/** ms for which a new channel may refuse what is sent. */
const REFUSING = 1000;
/** ms between two looks for what waits too long. */
const WATCH = 500;

/** What was published and is not confirmed yet. */
export class Outbox {
  readonly #sent = new Map<string, Sent>();
  #bytes = 0;
  #count = 0;
  #channel: ConfirmChannel | undefined;
  /** ms since 1970 */
  #usedSince = 0;
  #watch: NodeJS.Timeout | undefined;
  #flushing: (() => void)[] = [];

  /** @param doubt is told when the broker answers, but not as it should, and a new channel may help */
  constructor(
    private readonly options: RabbitOptions,
    private readonly doubt: (why: Error) => void,
  ) {}

  /** From now on it is published here. What was published on another channel has been answered, or its channel has ended. */
  use(channel: ConfirmChannel): void {
    this.#channel = channel;
    this.#usedSince = Date.now();
    channel.on("return", (message) => this.#returned(message));
    channel.once("close", () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
  }

  /** Resolves when the broker has it safely. */
  send(exchange: string, routingKey: string, content: Buffer, sending: Sending): Promise<void> {
    const channel = this.#channel;
    const { maxUnconfirmed, maxUnconfirmedBytes, maxMessageSize } = this.options;
    if (!channel) return Promise.reject(new Error("the broker is away"));
    if (content.length > maxMessageSize)
      return Promise.reject(new Error(`the message has more than ${maxMessageSize} bytes`));
    if (this.#sent.size >= maxUnconfirmed || this.#bytes + content.length > maxUnconfirmedBytes)
      return Promise.reject(new Error("too much waits for the broker"));
    this.#count += 1;
    const messageId = String(this.#count);
    return new Promise((resolve, reject) => {
      // It throws when its connection has just ended.
      channel.publish(exchange, routingKey, content, { ...sending, messageId }, (error) =>
        this.#answered(messageId, error as Error | null),
      );
      this.#sent.set(messageId, {
        at: Date.now(),
        bytes: content.length,
        returned: false,
        resolve,
        reject,
      });
      this.#bytes += content.length;
      this.#watch ??= setInterval(() => this.#look(), Math.min(WATCH, this.options.sendTimeout / 4)).unref();
    });
  }

  /** Resolves when everything was answered, or has waited too long. */
  async flush(): Promise<void> {
    if (this.#sent.size === 0) return;
    const enough = new AbortController();
    const flushed = new Promise<void>((resolve) => this.#flushing.push(resolve));
    await Promise.race([flushed, wait(this.options.sendTimeout, undefined, { signal: enough.signal })]);
    enough.abort();
  }

  #returned({ properties }: Message): void {
    const sent = this.#sent.get(String(properties.messageId));
    if (sent) sent.returned = true;
  }

  #answered(messageId: string, error: Error | null): void {
    const sent = this.#sent.get(messageId);
    if (!sent) return;
    this.#sent.delete(messageId);
    this.#bytes -= sent.bytes;
    if (error) {
      // While there is no leader at all a new channel refuses it, too.
      const patience = Math.min(REFUSING, 1000 * this.options.heartbeat);
      if (Date.now() - this.#usedSince >= patience) this.doubt(error);
      sent.reject(error);
    } else if (sent.returned) sent.reject(new Error("there is no such node"));
    else sent.resolve();
    if (this.#sent.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    const flushing = this.#flushing;
    this.#flushing = [];
    for (const resolve of flushing) resolve();
  }

  /** Whoever waits too long is told; it counts on until the broker has answered. */
  #look(): void {
    const { sendTimeout, heartbeat } = this.options;
    const now = Date.now();
    const [oldest] = this.#sent.values();
    if (oldest && now - oldest.at >= 1000 * heartbeat)
      this.doubt(new Error(`the broker has not confirmed within ${heartbeat} s`));
    for (const { at, reject } of this.#sent.values()) {
      if (now - at < sendTimeout) break;
      reject(new Error(`the broker has not confirmed within ${sendTimeout} ms`));
    }
  }
}
