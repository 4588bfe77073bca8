import { z } from "zod";
import { MIN_MESSAGE_SIZE } from "../../adapter.js";

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);

const sasl = z
  .strictObject({
    mechanism: z
      .enum(["plain", "scram-sha-256", "scram-sha-512"])
      .default("scram-sha-512")
      .describe("How the server proves to the broker who it is."),
    username: z.string().min(1).describe("The broker's user."),
    password: z.string().describe("The password of that user."),
  })
  .describe("Log in to the broker; by default nobody does.");

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
  .describe("TLS with more than the authorities that Node.js trusts.");

export const kafkaOptions = z.strictObject({
  brokers: z
    .array(z.string().min(1))
    .min(1)
    .default(["127.0.0.1:9092"])
    .describe("Addresses (host:port) of some of the brokers; they name the others."),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/)
    .default("sluice")
    .describe(
      "Begins the names of all topics and groups; deployments with different prefixes share a broker.",
    ),
  clientId: z.string().min(1).default("sluice").describe("How the server is called in the broker's log."),
  tls: z.union([z.boolean(), tls]).default(false).describe("Speak TLS with the brokers."),
  sasl: sasl.optional(),
  compression: z
    .enum(["none", "gzip"])
    .default("none")
    .describe("How batches are compressed on their way to the broker and there."),
  replicationFactor: count
    .default(1)
    .describe("On how many brokers a topic is kept; 3 where there are three."),
  minInSync: count
    .default(1)
    .describe("On how many of them a message must be before it counts as sent; 2 where there are three."),
  inFlight: count.default(64).describe("Messages that are dealt with at a time."),
  buffer: count.default(1000).describe("Messages that are fetched ahead of those."),
  attempts: count
    .default(3)
    .describe("How often a message is tried before it is set aside as a dead letter."),
  retryDelay: milliseconds.default(100).describe("ms between two of these attempts."),
  deadLetters: count.default(1000).describe("Dead letters that are kept; of more the oldest go."),
  queue: count
    .default(10_000)
    .describe("Messages to one node that may wait to be sent; with more, sending fails."),
  maxMessageSize: z
    .number()
    .int()
    .min(MIN_MESSAGE_SIZE)
    .max(64 * 1024 * 1024)
    .default(4 * 1024 * 1024)
    .describe("Bytes of the largest message; the broker's socket.request.max.bytes must be larger."),
  batchSize: z
    .number()
    .int()
    .min(1)
    .default(512 * 1024)
    .describe("Bytes that are sent in one batch, unless a single message is larger."),
  startTimeout: milliseconds.default(30_000).describe("ms after which a start without a broker fails."),
  sendTimeout: milliseconds.default(10_000).describe("ms after which sending fails when the broker refuses."),
  requestTimeout: milliseconds.default(5000).describe("ms that the broker may take for an answer."),
  patience: milliseconds
    .default(1000)
    .describe("ms for which the broker may be away before the node counts as cut off."),
  maxBackoff: milliseconds.default(2000).describe("The most ms between two attempts to reach the broker."),
  commitInterval: milliseconds
    .default(100)
    .describe(
      "ms between two notes of how far a node has come; what came since is heard twice when it dies.",
    ),
  trimInterval: milliseconds
    .default(60_000)
    .describe("ms between two requests that what was received be deleted from the broker's disks."),
  retention: z
    .number()
    .int()
    .min(60_000)
    .default(7 * 24 * 3600 * 1000)
    .describe("ms after which the broker deletes messages that nobody has received."),
  broadcastRetention: z
    .number()
    .int()
    .min(60_000)
    .default(3600 * 1000)
    .describe("ms for which messages to all nodes are kept for those that are cut off."),
});

export type KafkaOptions = z.infer<typeof kafkaOptions>;
