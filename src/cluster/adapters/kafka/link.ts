import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
// Types only; the package is loaded when the first link is opened.
import type { Broker, default as Cluster, Logger } from "kafkajs/src/cluster/index.js";
import type { KafkaOptions } from "./options.js";

export interface KafkaRecord {
  offset: number;
  /** ms since the epoch. */
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | undefined>;
}

export interface NewRecord {
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
}

/** What makes a producer idempotent: the broker knows a batch that it has already. */
export interface ProducerSession {
  producerId: string;
  producerEpoch: number;
}

/** Settings of a topic, as Kafka names them. */
export type TopicConfig = Readonly<Record<string, string>>;

export type Note = (text: string) => void;

const ALL_REPLICAS = -1;
const LATEST = -1;
const EARLIEST = -2;
const TOPIC = 2;
const GZIP = 1;
const READ_UNCOMMITTED = 0;
const KEEP_ALIVE = 15_000;
/** Bytes of one fetch; of a larger message the broker gives one all the same. */
const FETCH_BYTES = 4 * 1024 * 1024;

/** The broker's own word for what is wrong, such as UNKNOWN_TOPIC_OR_PARTITION; undefined when it has not answered. */
export function answerOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type, errors } = error as { type?: unknown; errors?: unknown };
  if (typeof type === "string") return type;
  return answerOf(Array.isArray(errors) ? errors[0] : error.cause);
}

/** Whether it is of no use to ask again: the broker does not allow it, or does not know the user. */
export function isFinal(error: unknown): boolean {
  const { retriable, name, cause, errors } = error as Error & { retriable?: boolean; errors?: unknown[] };
  const inner = errors?.[0] ?? cause;
  if (inner instanceof Error) return isFinal(inner);
  return retriable === false && (answerOf(error) !== undefined || name.includes("SASL"));
}

/**
 * Connections to the brokers, and what can be asked over them. Each topic has one partition. Nothing is tried again here:
 * whoever is told that a connection is lost closes the link and opens another.
 */
export class Link {
  readonly #leaders = new Map<string, Broker>();
  readonly #coordinators = new Map<string, Broker>();

  private constructor(
    private readonly cluster: Cluster,
    private readonly options: KafkaOptions,
    private readonly sockets: Sockets,
  ) {}

  /**
   * @param seed the broker that names the others: the library tries no second one when nothing is tried again
   * @param anchor a topic that is there for good (it is made when it is missing): by it the brokers are found.
   */
  static async open(
    seed: string,
    options: KafkaOptions,
    anchor: { topic: string; config: TopicConfig },
    note: Note,
  ): Promise<Link> {
    const { default: Cluster } = await import("kafkajs/src/cluster/index.js");
    const sockets = new Sockets();
    const { tls, sasl } = options;
    const cluster = new Cluster({
      logger: loggerTo(note),
      // Who uses the link knows better when to try again.
      retry: { retries: 0, initialRetryTime: 50 },
      socketFactory: (to) => sockets.open(to),
      brokers: [seed],
      ssl: tls,
      sasl: sasl && { ...sasl },
      clientId: options.clientId,
      connectionTimeout: options.requestTimeout,
      authenticationTimeout: options.requestTimeout,
      reauthenticationThreshold: 10_000,
      requestTimeout: options.requestTimeout,
      enforceRequestTimeout: true,
      metadataMaxAge: 300_000,
      allowAutoTopicCreation: false,
    });
    const link = new Link(cluster, options, sockets);
    try {
      await link.#connect(anchor);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #connect({ topic, config }: { topic: string; config: TopicConfig }): Promise<void> {
    await this.cluster.connect();
    // Without a target the whole broker's topics would be asked for.
    this.cluster.targetTopics.add(topic);
    try {
      await this.cluster.brokerPool.refreshMetadata([topic]);
    } catch (error) {
      if (answerOf(error) !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
      await this.#create(this.cluster.brokerPool.seedBroker, topic, config);
      await this.cluster.brokerPool.refreshMetadata([topic]);
    }
  }

  /** Ends all connections at once; what waits for an answer is rejected. */
  close(): void {
    this.sockets.close();
  }

  /** @returns false when there is such a topic already. */
  async createTopic(topic: string, config: TopicConfig): Promise<boolean> {
    return this.#create(await this.cluster.findControllerBroker(), topic, config);
  }

  async #create(broker: Broker, topic: string, config: TopicConfig): Promise<boolean> {
    const { replicationFactor } = this.options;
    try {
      await broker.createTopics({
        topics: [{ topic, numPartitions: 1, replicationFactor, configEntries: entries(config) }],
      });
      return true;
    } catch (error) {
      if (answerOf(error) === "TOPIC_ALREADY_EXISTS") return false;
      throw error;
    }
  }

  /** @returns false when there is no such topic. */
  async deleteTopic(topic: string): Promise<boolean> {
    this.forget(topic);
    try {
      await (await this.cluster.findControllerBroker()).deleteTopics({ topics: [topic] });
      return true;
    } catch (error) {
      if (answerOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return false;
      throw error;
    }
  }

  /** Sets these, and all others back to the broker's defaults. */
  async configureTopic(topic: string, config: TopicConfig): Promise<void> {
    const broker = await this.cluster.findControllerBroker();
    await broker.alterConfigs({ resources: [{ type: TOPIC, name: topic, configEntries: entries(config) }] });
  }

  /** Whether there is such a topic, as far as a broker has heard. */
  async hasTopic(topic: string): Promise<boolean> {
    this.forget(topic);
    try {
      await this.#leader(topic);
      return true;
    } catch (error) {
      if (answerOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return false;
      // Being made, or between two leaders.
      if (answerOf(error) !== undefined) return true;
      throw error;
    }
  }

  /** Its leader will be looked up anew. */
  forget(topic: string): void {
    this.#leaders.delete(topic);
    this.#coordinators.delete(topic);
  }

  async newSession(): Promise<ProducerSession> {
    const broker = await this.cluster.brokerPool.findConnectedBroker();
    const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
    return { producerId, producerEpoch };
  }

  /**
   * Resolves once all replicas that are in sync have the batch.
   * @param session without it the batch may be there twice when it is sent again
   * @returns the offset of the first record
   */
  async produce(
    topic: string,
    messages: readonly NewRecord[],
    session?: ProducerSession,
    firstSequence = 0,
  ): Promise<number> {
    // What has no content, as a mark, is to be as small as it is.
    const compresses = this.options.compression === "gzip" && messages.some(({ value }) => value !== null);
    const { topics } = await this.#atLeader(topic, (leader) =>
      leader.produce({
        topicData: [{ topic, partitions: [{ partition: 0, firstSequence, messages: [...messages] }] }],
        ...session,
        acks: ALL_REPLICAS,
        timeout: this.options.requestTimeout,
        compression: compresses ? GZIP : 0,
      }),
    );
    return Number(topics[0].partitions[0].baseOffset);
  }

  /**
   * Records from an offset on; none when there was none for a while.
   * @param wait ms
   * @returns them, and the offset behind the last that can be had
   */
  async fetch(topic: string, offset: number, wait: number): Promise<{ records: KafkaRecord[]; end: number }> {
    const { responses } = await this.#atLeader(topic, (leader) =>
      leader.fetch({
        maxWaitTime: wait,
        minBytes: 1,
        maxBytes: FETCH_BYTES,
        isolationLevel: READ_UNCOMMITTED,
        topics: [
          { topic, partitions: [{ partition: 0, fetchOffset: String(offset), maxBytes: FETCH_BYTES }] },
        ],
      }),
    );
    const [{ highWatermark, messages }] = responses[0].partitions;
    const records: KafkaRecord[] = [];
    for (const message of messages) {
      // A batch is given as a whole, also when an offset inside it was asked for.
      if (message.isControlRecord || Number(message.offset) < offset) continue;
      const { key, value, headers } = message;
      records.push({
        offset: Number(message.offset),
        timestamp: Number(message.timestamp),
        key,
        value,
        headers,
      });
    }
    return { records, end: Number(highWatermark) };
  }

  /** The offset behind the last record. */
  endOf(topic: string): Promise<number> {
    return this.#offset(topic, LATEST);
  }

  /** The offset of the first record that is still there. */
  beginningOf(topic: string): Promise<number> {
    return this.#offset(topic, EARLIEST);
  }

  async #offset(topic: string, timestamp: number): Promise<number> {
    const { responses } = await this.#atLeader(topic, (leader) =>
      leader.listOffsets({
        isolationLevel: READ_UNCOMMITTED,
        topics: [{ topic, partitions: [{ partition: 0, timestamp }] }],
      }),
    );
    return Number(responses[0].partitions[0].offset);
  }

  /** Lets the broker delete what comes before an offset. */
  async trim(topic: string, offset: number): Promise<void> {
    const topics = [{ topic, partitions: [{ partition: 0, offset: String(offset) }] }];
    await this.#atLeader(topic, (leader) => leader.deleteRecords({ topics }));
  }

  /** Notes how far a topic was read, under a group of the same name that has no members. */
  async commit(topic: string, offset: number): Promise<void> {
    await this.#atCoordinator(topic, (coordinator) =>
      coordinator.offsetCommit({
        groupId: topic,
        groupGenerationId: -1,
        memberId: "",
        retentionTime: -1,
        topics: [{ topic, partitions: [{ partition: 0, offset: String(offset) }] }],
      }),
    );
  }

  /** What was noted last; 0 when nothing was. */
  async committed(topic: string): Promise<number> {
    const { responses } = await this.#atCoordinator(topic, (coordinator) =>
      coordinator.offsetFetch({ groupId: topic, topics: [{ topic, partitions: [{ partition: 0 }] }] }),
    );
    return Math.max(0, Number(responses[0]?.partitions[0]?.offset ?? 0));
  }

  async forgetCommitted(topic: string): Promise<void> {
    await this.#atCoordinator(topic, async (coordinator) => {
      const { results } = await coordinator.deleteGroups([topic]);
      const [{ error }] = results;
      if (error && answerOf(error) !== "GROUP_ID_NOT_FOUND") throw error;
    });
    this.forget(topic);
  }

  /** Asks who leads the topic. That broker may have handed it on and still be there, so whoever refuses is looked up anew. */
  async #atLeader<T>(topic: string, ask: (leader: Broker) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#leader(topic));
    } catch (error) {
      this.#leaders.delete(topic);
      throw error;
    }
  }

  /** The same of who keeps what is noted of a group. */
  async #atCoordinator<T>(group: string, ask: (coordinator: Broker) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#coordinator(group));
    } catch (error) {
      this.#coordinators.delete(group);
      throw error;
    }
  }

  async #leader(topic: string): Promise<Broker> {
    const known = this.#leaders.get(topic);
    if (known) return known;
    const { topicMetadata } = await (await this.cluster.brokerPool.findConnectedBroker()).metadata([topic]);
    const [{ partitionMetadata }] = topicMetadata;
    const leader = await this.cluster.findBroker({ nodeId: partitionMetadata[0].leader });
    this.#leaders.set(topic, leader);
    return leader;
  }

  async #coordinator(group: string): Promise<Broker> {
    const known = this.#coordinators.get(group);
    if (known) return known;
    const coordinator = await this.cluster.findGroupCoordinator({ groupId: group });
    this.#coordinators.set(group, coordinator);
    return coordinator;
  }
}

const entries = (config: TopicConfig) => Object.entries(config).map(([name, value]) => ({ name, value }));

/** The library opens connections anew by itself; once it is closed there are to be none. */
class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  open(to: { host: string; port: number; ssl?: ConnectionOptions; onConnect: () => void }): Socket {
    if (this.#closed) throw new Error("closed");
    const { host, port, ssl, onConnect } = to;
    const name = isIP(host) ? {} : { servername: host };
    const socket = ssl
      ? connectTls({ host, port, ...name, ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE);
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }

  close(): void {
    this.#closed = true;
    // With an error, since the library does not hear of an end without one.
    for (const socket of this.#open) socket.destroy(new Error("closed"));
  }
}

/** The library's own words; it says the same thing often, and what it counts as errors happens whenever a broker restarts. */
function loggerTo(note: Note): Logger {
  const nothing = () => undefined;
  const logger: Logger = {
    info: nothing,
    debug: nothing,
    error: note,
    warn: note,
    namespace: () => logger,
    setLogLevel: nothing,
  };
  return logger;
}
