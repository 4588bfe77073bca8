import { z } from "zod";
import { MIN_MESSAGE_SIZE } from "../../adapter.js";

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);

// The message never repeats what was given: there is a password in it.
const address = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^amqps?:$/.test(new URL(text).protocol),
    "expected amqp://user:password@host:port/vhost, or amqps://…",
  );

const tls = z
  .strictObject({
    ca: z.string().optional().describe("PEM text of the authorities that may vouch for a broker."),
    cert: z.string().optional().describe("PEM text of a certificate that the server shows to the broker."),
    key: z.string().optional().describe("PEM text of that certificate's private key."),
    rejectUnauthorized: z
      .boolean()
      .default(true)
      .describe("Refuse a broker whose certificate cannot be trusted."),
  })
  .describe("For amqps: more than the authorities that Node.js trusts.");

export const rabbitOptions = z.strictObject({
  url: z
    .union([address, z.array(address).min(1)])
    .default("amqp://127.0.0.1:5672")
    .describe(
      "Address of the broker (amqp or amqps, user, password, host, port, vhost), or a list of a cluster's brokers.",
    ),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/)
    .default("sluice")
    .describe(
      "Begins the names of all queues and exchanges; deployments with different prefixes share a vhost.",
    ),
  tls: tls.optional(),
  queueType: z
    .enum(["classic", "quorum"])
    .default("classic")
    .describe("The kind of the queues; quorum queues are kept by several brokers of a cluster."),
  inFlight: count.default(64).describe("Messages that are dealt with at a time."),
  prefetch: count
    .max(65_535)
    .default(500)
    .describe("Messages that the broker hands out before it hears that they were dealt with."),
  attempts: count
    .default(3)
    .describe("How often a message is tried before it is set aside as a dead letter."),
  retryDelay: milliseconds.default(100).describe("ms between two of these attempts."),
  maxDeadLetters: count.default(1000).describe("Dead letters that are kept; of more the oldest go."),
  maxUnconfirmed: count
    .default(10_000)
    .describe("Messages that may wait for the broker's confirmation; with more, sending fails."),
  maxUnconfirmedBytes: count
    .default(64 * 1024 * 1024)
    .describe("Bytes of the messages that may wait for the broker's confirmation; with more, sending fails."),
  maxMessageSize: z
    .number()
    .int()
    .min(MIN_MESSAGE_SIZE)
    .max(128 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .describe("Bytes of the largest message; the broker's max_message_size must not be smaller."),
  heartbeat: z
    .number()
    .int()
    .min(1)
    .max(600)
    .default(5)
    .describe("s between two signs of life; a side that misses two in a row gives the connection up."),
  connectTimeout: milliseconds.default(5000).describe("ms that opening a connection may take."),
  startTimeout: milliseconds.default(30_000).describe("ms after which a start without a broker fails."),
  sendTimeout: milliseconds
    .default(10_000)
    .describe("ms after which sending fails when the broker does not confirm."),
  maxBackoff: milliseconds.default(2000).describe("The most ms between two attempts to reach the broker."),
});

export type RabbitOptions = z.infer<typeof rabbitOptions>;
