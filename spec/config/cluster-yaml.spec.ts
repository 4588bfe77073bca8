import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { configuredAdapter } from "../../src/cluster/configured.js";
import { loadConfig } from "../../src/config/loader.js";
import { createLogger } from "../../src/log.js";

for (const adapter of ["rabbitmq", "kafka"]) {
  describe(`conf/cluster-${adapter}.yaml`, () => {
    const file = `conf/cluster-${adapter}.yaml`;
    const loaded = loadConfig({ file, text: readFileSync(file, "utf8") });

    it("names the adapter, a shared database and a time to drain", () => {
      const { cluster, shutdown, storage } = loaded.config;
      assert.equal(cluster.adapter, adapter);
      assert.equal(storage.client, "postgres");
      assert.equal(shutdown.drain, 30_000);
    });

    it("has options that the adapter takes", async () => {
      const log = createLogger({ level: "silent", areas: {}, format: "json" });
      assert.ok(await configuredAdapter(loaded, log));
    });
  });
}

describe("compose.yaml", () => {
  const { services } = parse(readFileSync("compose.yaml", "utf8")) as {
    services: Record<string, { ports: string[]; volumes: string[]; environment: Record<string, unknown> }>;
  };

  it("keeps the brokers' data in volumes, and lets this machine alone reach them", () => {
    const { kafka, rabbitmq } = services;
    assert.deepEqual(kafka.volumes, [`kafka:${kafka.environment.KAFKA_LOG_DIRS}`]);
    assert.deepEqual(rabbitmq.volumes, ["rabbitmq:/var/lib/rabbitmq"]);
    for (const port of [...kafka.ports, ...rabbitmq.ports]) assert.match(port, /^127\.0\.0\.1:/);
  });
});
