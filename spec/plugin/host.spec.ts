import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SetupError } from "../../src/config/setup-error.js";
import type { PluginContext } from "../../src/plugin/api.js";
import type { ContextParts } from "../../src/plugin/context.js";
import { type AnyPlugin, loadPlugins, PluginHost } from "../../src/plugin/host.js";
import { Domain } from "../../src/router/domain.js";
import { HttpRoutes } from "../../src/transport/http-route.js";
import { xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { silentLog } from "../support/silent-log.js";

const NS = "urn:example:greeting";

describe("The plugin host", () => {
  let domain: Domain;
  let host: PluginHost;
  let routes: HttpRoutes;
  let order: string[];
  beforeEach(() => {
    domain = new Domain(Jid.parse("capulet.example"));
    // What a plugin registers and loses again needs none of the server's other parts.
    routes = new HttpRoutes();
    host = new PluginHost(domain, { log: silentLog, routes } as ContextParts, silentLog);
    order = [];
  });
  afterEach(() => host.stop());

  function plugin(
    name: string,
    requires: string[] = [],
    setup?: (ctx: PluginContext) => void | Promise<void>,
  ) {
    const made: AnyPlugin = {
      name,
      requires,
      setup: (ctx) => {
        order.push(name);
        ctx.onStop(() => {
          order.push(`${name} stops`);
        });
        return setup?.(ctx);
      },
    };
    return { plugin: made, options: {} };
  }

  /** Registers one of everything. */
  function registerAll(ctx: PluginContext): void {
    ctx.hook("session:bound", () => undefined);
    ctx.iq({ type: "get", to: "server", ns: NS, name: "greet" }, () => xml("greet", { xmlns: NS }));
    ctx.feature(NS);
    ctx.feature(NS, "account");
    ctx.identity({ category: "client", type: "bot" });
    ctx.item({ jid: Jid.parse("rooms.capulet.example") });
    ctx.http({ method: "GET", path: "/greeting", handler: () => undefined });
  }

  async function traces(): Promise<unknown> {
    return {
      hooks: domain.hooks.list().length,
      features: [...domain.features.server, ...domain.features.account].length,
      identities: domain.identities.server.size,
      items: domain.items.size,
      routes: routes.find("/greeting", "").length,
      answers: (await ask()).type === "result",
    };
  }

  async function ask(): Promise<Stanza> {
    const question = Stanza.make(
      "iq",
      { type: "get", id: "1", from: Jid.parse("juliet@capulet.example/x"), to: domain.jid },
      xml("greet", { xmlns: NS }),
    );
    try {
      return await domain.iqs.answer(question, ["server"]);
    } catch {
      // No handler: what the sender is told then is the matter of other specs.
      return Stanza.make("iq", { type: "error", id: "1" });
    }
  }

  const NOTHING = { hooks: 0, features: 0, identities: 0, items: 0, routes: 0, answers: false };
  const ALL = { hooks: 1, features: 2, identities: 1, items: 1, routes: 1, answers: true };

  it("sets plugins up behind those they require, else in the order given", async () => {
    await host.start([plugin("a", ["c"]), plugin("b"), plugin("c", ["d"]), plugin("d")]);
    assert.deepEqual(order, ["d", "c", "a", "b"]);
  });

  it("takes a route back when the plugin says so", async () => {
    let takeBack: () => void = () => undefined;
    const setup = (ctx: PluginContext) => {
      const route = (path: string) => ctx.http({ method: "GET", path, handler: () => undefined });
      route("/stays");
      takeBack = route("/goes");
    };
    await host.start([plugin("a", [], setup)]);
    const there = () => ["/stays", "/goes"].filter((path) => routes.find(path, "").length > 0);
    assert.deepEqual(there(), ["/stays", "/goes"]);
    takeBack();
    assert.deepEqual(there(), ["/stays"]);
    await host.stop();
    assert.deepEqual(there(), []);
  });

  it("waits for one before it sets up the next", async () => {
    const slow = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push("ready");
    };
    await host.start([plugin("a", [], slow), plugin("b")]);
    assert.deepEqual(order, ["a", "ready", "b"]);
  });

  it("stops them in reverse", async () => {
    await host.start([plugin("a", ["b"]), plugin("b")]);
    order = [];
    await host.stop();
    assert.deepEqual(order, ["a stops", "b stops"]);
    await host.stop();
    assert.equal(order.length, 2);
  });

  it("refuses plugins that require each other in a circle, and sets none up", async () => {
    await assert.rejects(
      host.start([plugin("x"), plugin("a", ["b"]), plugin("b", ["c"]), plugin("c", ["a"])]),
      SetupError,
    );
    await assert.rejects(host.start([plugin("a", ["a"])]), SetupError);
    assert.deepEqual(order, []);
  });

  it("refuses a plugin that requires one that is not chosen", async () => {
    await assert.rejects(host.start([plugin("a", ["b"])]), SetupError);
    assert.deepEqual(order, []);
  });

  it("sets up one that two others require once, and takes that for no circle", async () => {
    await host.start([plugin("a", ["c"]), plugin("b", ["c", "a"]), plugin("c")]);
    assert.deepEqual(order, ["c", "a", "b"]);
  });

  it("takes back all that a plugin registered when it stops", async () => {
    assert.deepEqual(await traces(), NOTHING);
    await host.start([plugin("a", [], registerAll)]);
    assert.deepEqual(await traces(), ALL);
    await host.stop();
    assert.deepEqual(await traces(), NOTHING);
  });

  it("takes back all that a plugin registered before it failed, and leaves the others", async () => {
    const failing = (ctx: PluginContext) => {
      ctx.hook("session:bound", () => undefined);
      throw new Error("no such folder");
    };
    await assert.rejects(host.start([plugin("a", [], registerAll), plugin("b", [], failing)]), SetupError);
    assert.deepEqual(order, ["a", "b", "b stops"]);
    assert.deepEqual(await traces(), ALL);
  });

  it("reloads one alone", async () => {
    const other = (ctx: PluginContext) => ctx.hook("session:bound", () => undefined, 5);
    await host.start([plugin("a", [], registerAll), plugin("b", [], other)]);
    const before = domain.hooks.list();
    order = [];
    await host.reload("a");
    assert.deepEqual(order, ["a stops", "a"]);
    assert.deepEqual(domain.hooks.list(), before);
    assert.deepEqual(await traces(), { ...ALL, hooks: 2 });
    await host.stop();
    assert.deepEqual(await traces(), NOTHING);
  });

  it("keeps what two plugins announce until both have stopped", async () => {
    const announcing = (ctx: PluginContext) => {
      ctx.feature(NS);
      ctx.feature(NS);
      ctx.feature(NS, "account");
    };
    await host.start([plugin("a", [], announcing)]);
    const other = new PluginHost(domain, { log: silentLog } as ContextParts, silentLog);
    await other.start([plugin("b", [], announcing)]);
    const announced = () => [...domain.features.server, ...domain.features.account];
    assert.deepEqual(announced(), [NS, NS], "each once, whoever announces it");
    await host.reload("a");
    await other.stop();
    assert.deepEqual(announced(), [NS, NS]);
    await host.stop();
    assert.deepEqual(announced(), []);
  });

  it("does not reload what does not run", async () => {
    await assert.rejects(host.reload("a"));
  });

  it("stops the others where one cannot be stopped cleanly, and that one as far as it can", async () => {
    const clumsy = (ctx: PluginContext) => {
      registerAll(ctx);
      ctx.onStop(() => {
        throw new Error("stuck");
      });
    };
    await host.start([plugin("a"), plugin("b", [], clumsy)]);
    order = [];
    await host.stop();
    assert.deepEqual(order, ["b stops", "a stops"]);
    assert.deepEqual(await traces(), NOTHING);
  });
});

describe("Plugins by name", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-plugins-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("are the shipped ones, and those that are named by path", async () => {
    const file = join(folder, "mine.mjs");
    await writeFile(file, "export default { name: 'mine', setup() {} };");
    const { plugins, unloadable } = await loadPlugins(["ping", file, "no-such-plugin"]);
    assert.equal(plugins.get("ping")?.name, "ping");
    assert.equal(plugins.get(file)?.name, "mine");
    assert.equal(plugins.get("no-such-plugin"), undefined);
    assert.deepEqual([...unloadable], []);
  });

  it("are all tried, and each that cannot be had is told with its reason in one line", async () => {
    const write = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const bad = [
      await write("empty.mjs", "export const x = 1;"),
      await write("broken.mjs", "export default {"),
      await write("throws.mjs", "throw 'no\\n reason';"),
      join(folder, "missing.mjs"),
      "./missing.js",
    ];
    const good = await write("good.mjs", "export default { name: 'good', setup() {} };");
    const { plugins, unloadable } = await loadPlugins([...bad, good]);
    assert.deepEqual([...unloadable.keys()], bad);
    assert.ok(plugins.has(good));
    assert.ok(!bad.some((name) => plugins.has(name)));
    for (const reason of unloadable.values()) assert.match(reason, /^expected .+$/);
  });
});
