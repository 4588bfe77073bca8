/**
 * What is used of kafkajs 2.2.4 below its public classes, which know consumers only as members of groups: a member that
 * was killed blocks its successor until its session has timed out, and a single producer fails as a whole when one of the
 * topics it once used is deleted. The package is no longer developed, and its version is pinned.
 */
declare module "kafkajs/src/cluster/index.js" {
  import type { Socket } from "node:net";
  import type { ConnectionOptions } from "node:tls";

  export interface RawRecord {
    offset: string;
    timestamp: string;
    key: Buffer | null;
    value: Buffer | null;
    headers: Record<string, Buffer | undefined>;
    isControlRecord: boolean;
  }

  export interface RawPartition {
    partition: number;
    highWatermark: string;
    messages: RawRecord[];
  }

  interface TopicPartitions<P> {
    topic: string;
    partitions: P[];
  }

  export interface Broker {
    nodeId: number | string | null;
    metadata(topics: string[]): Promise<{
      topicMetadata: { topic: string; partitionMetadata: { partitionId: number; leader: number }[] }[];
    }>;
    produce(request: {
      topicData: TopicPartitions<{ partition: number; firstSequence: number; messages: object[] }>[];
      producerId?: string;
      producerEpoch?: number;
      acks: number;
      timeout: number;
      compression: number;
    }): Promise<{ topics: { partitions: { baseOffset: string }[] }[] }>;
    fetch(request: {
      maxWaitTime: number;
      minBytes: number;
      maxBytes: number;
      isolationLevel: number;
      topics: TopicPartitions<{ partition: number; fetchOffset: string; maxBytes: number }>[];
    }): Promise<{ responses: { topicName: string; partitions: RawPartition[] }[] }>;
    listOffsets(request: {
      isolationLevel: number;
      topics: TopicPartitions<{ partition: number; timestamp: number }>[];
    }): Promise<{ responses: { partitions: { offset: string }[] }[] }>;
    initProducerId(request: {
      transactionTimeout: number;
    }): Promise<{ producerId: string; producerEpoch: number }>;
    offsetCommit(request: {
      groupId: string;
      groupGenerationId: number;
      memberId: string;
      retentionTime: number;
      topics: TopicPartitions<{ partition: number; offset: string }>[];
    }): Promise<unknown>;
    offsetFetch(request: {
      groupId: string;
      topics: TopicPartitions<{ partition: number }>[];
    }): Promise<{ responses: { topic: string; partitions: { offset: string }[] }[] }>;
    createTopics(request: {
      topics: {
        topic: string;
        numPartitions: number;
        replicationFactor: number;
        configEntries: { name: string; value: string }[];
      }[];
    }): Promise<unknown>;
    deleteTopics(request: { topics: string[] }): Promise<unknown>;
    alterConfigs(request: {
      resources: { type: number; name: string; configEntries: { name: string; value: string }[] }[];
    }): Promise<unknown>;
    deleteRecords(request: {
      topics: TopicPartitions<{ partition: number; offset: string }>[];
    }): Promise<unknown>;
    deleteGroups(groups: string[]): Promise<{ results: { error?: Error }[] }>;
  }

  export interface Logger {
    info(text: string): void;
    error(text: string): void;
    warn(text: string): void;
    debug(text: string): void;
    namespace(name: string): Logger;
    setLogLevel(level: number): void;
  }

  export default class Cluster {
    constructor(options: {
      logger: Logger;
      retry: { retries: number; initialRetryTime: number };
      socketFactory: (to: {
        host: string;
        port: number;
        ssl?: ConnectionOptions;
        onConnect: () => void;
      }) => Socket;
      brokers: string[];
      ssl: ConnectionOptions | boolean;
      sasl: object | undefined;
      clientId: string;
      connectionTimeout: number;
      authenticationTimeout: number;
      reauthenticationThreshold: number;
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      metadataMaxAge: number;
      allowAutoTopicCreation: boolean;
    });
    targetTopics: Set<string>;
    brokerPool: {
      seedBroker: Broker;
      refreshMetadata(topics: string[]): Promise<void>;
      findConnectedBroker(): Promise<Broker>;
    };
    connect(): Promise<void>;
    findBroker(which: { nodeId: number | string }): Promise<Broker>;
    findControllerBroker(): Promise<Broker>;
    findGroupCoordinator(which: { groupId: string }): Promise<Broker>;
  }
}
