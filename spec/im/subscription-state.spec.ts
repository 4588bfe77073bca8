import assert from "node:assert/strict";
import { subscriptionOf } from "../../src/im/roster-entry.js";
import { inbound, outbound, type SubscriptionType } from "../../src/im/subscription-state.js";
import { Jid, type RosterEntry } from "../../src/plugin/api.js";

const contact = Jid.parse("romeo@example.net");
const OLD_REQUEST = "<presence type='subscribe' id='old'/>";
const NEW_REQUEST = "<presence type='subscribe' id='new'/>";

/** The states of RFC 6121 §A.1 by the names it gives them. */
type State =
  | "None"
  | "None + Pending Out"
  | "None + Pending In"
  | "None + Pending Out+In"
  | "To"
  | "To + Pending In"
  | "From"
  | "From + Pending Out"
  | "Both";

/** `[existing state, routed or delivered, new state]` for every row; "=" is "no state change". */
type Table = [existing: State, passed: boolean, next: State | "=" | "pre-approval"][];

function entryIn(state: State, extra: Partial<RosterEntry> = {}): RosterEntry {
  const [subscription, pending = ""] = state.split(" + ");
  return {
    jid: contact,
    name: "Romeo",
    groups: ["Friends"],
    subscription: subscription.toLowerCase() as RosterEntry["subscription"],
    ask: pending.includes("Out"),
    approved: false,
    request: pending.includes("In") ? OLD_REQUEST : undefined,
    listed: true,
    ...extra,
  };
}

function stateOf(entry: RosterEntry | undefined): string {
  const { subscription = "none", ask = false, request } = entry ?? {};
  const pending = [ask ? "Out" : "", request === undefined ? "" : "In"].filter(Boolean).join("+");
  const name = subscription[0].toUpperCase() + subscription.slice(1);
  return pending === "" ? name : `${name} + Pending ${pending}`;
}

/** Which parts of an entry a client is shown. */
function shown(entry: RosterEntry | undefined) {
  return entry?.listed ? [entry.subscription, entry.ask, entry.approved] : undefined;
}

const outboundTables: Record<SubscriptionType, Table> = {
  subscribe: [
    ["None", true, "None + Pending Out"],
    ["None + Pending Out", true, "="],
    ["None + Pending In", true, "None + Pending Out+In"],
    ["None + Pending Out+In", true, "="],
    ["To", true, "="],
    ["To + Pending In", true, "="],
    ["From", true, "From + Pending Out"],
    ["From + Pending Out", true, "="],
    ["Both", true, "="],
  ],
  unsubscribe: [
    ["None", true, "="],
    ["None + Pending Out", true, "None"],
    ["None + Pending In", true, "="],
    ["None + Pending Out+In", true, "None + Pending In"],
    ["To", true, "None"],
    ["To + Pending In", true, "None + Pending In"],
    ["From", true, "="],
    ["From + Pending Out", true, "From"],
    ["Both", true, "From"],
  ],
  subscribed: [
    ["None", false, "pre-approval"],
    ["None + Pending Out", false, "pre-approval"],
    ["None + Pending In", true, "From"],
    ["None + Pending Out+In", true, "From + Pending Out"],
    ["To", false, "pre-approval"],
    ["To + Pending In", true, "Both"],
    ["From", false, "="],
    ["From + Pending Out", false, "="],
    ["Both", false, "="],
  ],
  unsubscribed: [
    ["None", false, "="],
    ["None + Pending Out", false, "="],
    ["None + Pending In", true, "None"],
    ["None + Pending Out+In", true, "None + Pending Out"],
    ["To", false, "="],
    ["To + Pending In", true, "To"],
    ["From", true, "None"],
    ["From + Pending Out", true, "None + Pending Out"],
    ["Both", true, "To"],
  ],
};

const inboundTables: Record<SubscriptionType, Table> = {
  subscribe: [
    ["None", true, "None + Pending In"],
    ["None + Pending Out", true, "None + Pending Out+In"],
    ["None + Pending In", false, "="],
    ["None + Pending Out+In", false, "="],
    ["To", true, "To + Pending In"],
    ["To + Pending In", false, "="],
    ["From", false, "="],
    ["From + Pending Out", false, "="],
    ["Both", false, "="],
  ],
  unsubscribe: [
    ["None", false, "="],
    ["None + Pending Out", false, "="],
    ["None + Pending In", true, "None"],
    ["None + Pending Out+In", true, "None + Pending Out"],
    ["To", false, "="],
    ["To + Pending In", true, "To"],
    ["From", true, "None"],
    ["From + Pending Out", true, "None + Pending Out"],
    ["Both", true, "To"],
  ],
  subscribed: [
    ["None", false, "="],
    ["None + Pending Out", true, "To"],
    ["None + Pending In", false, "="],
    ["None + Pending Out+In", true, "To + Pending In"],
    ["To", false, "="],
    ["To + Pending In", false, "="],
    ["From", false, "="],
    ["From + Pending Out", true, "Both"],
    ["Both", false, "="],
  ],
  unsubscribed: [
    ["None", false, "="],
    ["None + Pending Out", true, "None"],
    ["None + Pending In", false, "="],
    ["None + Pending Out+In", true, "None + Pending In"],
    ["To", true, "None"],
    ["To + Pending In", true, "None + Pending In"],
    ["From", false, "="],
    ["From + Pending Out", true, "From"],
    ["Both", true, "From"],
  ],
};

const states = outboundTables.subscribe.map(([state]) => state);
const hasFrom = (state: State) => state.startsWith("From") || state === "Both";

describe("the state of a subscription", () => {
  it("has nine values in every table", () => {
    assert.equal(states.length, 9);
    for (const table of [...Object.values(outboundTables), ...Object.values(inboundTables)]) {
      assert.deepEqual(
        table.map(([state]) => state),
        states,
      );
    }
  });

  for (const [type, table] of Object.entries(outboundTables) as [SubscriptionType, Table][]) {
    describe(`when the account sends ${type} (RFC 6121 §A.2)`, () => {
      for (const [state, routed, next] of table) {
        it(`${state}: ${routed ? "is routed" : "stays here"}, ${next === "=" ? "no change" : next}`, () => {
          const before = entryIn(state);
          const { entry, route, push } = outbound(type, before, contact);
          assert.equal(route, routed);
          if (next === "=") assert.equal(entry, before);
          else if (next === "pre-approval") assert.deepEqual(entry, { ...before, approved: true });
          else assert.deepEqual(entry, entryIn(next));
          assert.equal(push, JSON.stringify(shown(entry)) !== JSON.stringify(shown(before)));
        });
      }
    });
  }

  for (const [type, table] of Object.entries(inboundTables) as [SubscriptionType, Table][]) {
    describe(`when the contact sends ${type} (RFC 6121 §A.3)`, () => {
      for (const [state, delivered, next] of table) {
        it(`${state}: ${delivered ? "is delivered" : "is not shown"}, ${next === "=" ? "no change" : next}`, () => {
          const before = entryIn(state);
          const { entry, deliver, push } = inbound(type, before, contact, NEW_REQUEST);
          assert.equal(deliver, delivered);
          if (next === "=") assert.equal(entry, before);
          else assert.equal(stateOf(entry), next);
          assert.deepEqual([entry?.name, entry?.groups], ["Romeo", ["Friends"]]);
          assert.equal(push, JSON.stringify(shown(entry)) !== JSON.stringify(shown(before)));
        });
      }
    });
  }

  describe("answers on behalf of the account", () => {
    for (const state of states) {
      it(`subscribed to those who ask though they are subscribed, and nothing else: ${state}`, () => {
        const { reply } = inbound("subscribe", entryIn(state), contact, NEW_REQUEST);
        assert.equal(reply, hasFrom(state) ? "subscribed" : undefined);
      });

      it(`unsubscribed to an unsubscribe that changes something: ${state}`, () => {
        const before = entryIn(state);
        const { reply, entry } = inbound("unsubscribe", before, contact, NEW_REQUEST);
        assert.equal(reply, entry === before ? undefined : "unsubscribed");
      });

      it(`nothing to an answer: ${state}`, () => {
        for (const type of ["subscribed", "unsubscribed"] as const) {
          assert.equal(inbound(type, entryIn(state), contact, NEW_REQUEST).reply, undefined);
        }
      });
    }
  });

  describe("shows resources", () => {
    const pendingIn = (state: State) => state.endsWith("In");

    for (const state of states) {
      it(`to a contact whose request is granted: ${state}`, () => {
        const { showing } = outbound("subscribed", entryIn(state), contact);
        assert.equal(showing, pendingIn(state) ? "available" : undefined);
      });

      it(`as gone only to a contact who saw them: ${state}`, () => {
        const expected = hasFrom(state) ? "unavailable" : undefined;
        assert.equal(outbound("unsubscribed", entryIn(state), contact).showing, expected);
        assert.equal(inbound("unsubscribe", entryIn(state), contact, NEW_REQUEST).showing, expected);
      });

      it(`to nobody because the account asks or stops asking: ${state}`, () => {
        assert.equal(outbound("subscribe", entryIn(state), contact).showing, undefined);
        assert.equal(outbound("unsubscribe", entryIn(state), contact).showing, undefined);
      });
    }
  });

  describe("with pre-approval (RFC 6121 §3.4)", () => {
    const granted: [State, State][] = [
      ["None", "From"],
      ["None + Pending Out", "From + Pending Out"],
      ["To", "Both"],
    ];
    for (const [state, next] of granted) {
      it(`grants a request in the account's name and shows it nothing: ${state}`, () => {
        const before = entryIn(state, { approved: true });
        const outcome = inbound("subscribe", before, contact, NEW_REQUEST);
        assert.deepEqual(outcome, {
          entry: entryIn(next, { approved: true }),
          deliver: false,
          push: true,
          reply: "subscribed",
          showing: "available",
        });
      });

      it(`is withdrawn by unsubscribed, of which the contact hears nothing: ${state}`, () => {
        const outcome = outbound("unsubscribed", entryIn(state, { approved: true }), contact);
        assert.deepEqual(outcome, { entry: entryIn(state), route: false, push: true, showing: undefined });
      });

      it(`is noted once: ${state}`, () => {
        const before = entryIn(state, { approved: true });
        const outcome = outbound("subscribed", before, contact);
        assert.equal(outcome.entry, before);
        assert.deepEqual([outcome.route, outcome.push], [false, false]);
      });
    }

    it("survives that the contact unsubscribes", () => {
      const { entry } = inbound("unsubscribe", entryIn("Both", { approved: true }), contact, NEW_REQUEST);
      assert.deepEqual(entry, entryIn("To", { approved: true }));
    });

    it("ends when a granted subscription is cancelled", () => {
      const { entry, route } = outbound("unsubscribed", entryIn("From", { approved: true }), contact);
      assert.deepEqual(entry, entryIn("None"));
      assert.equal(route, true);
    });

    it("is not what an answer to a request becomes", () => {
      const { entry } = outbound("subscribed", entryIn("None + Pending In"), contact);
      assert.equal(entry?.approved, false);
    });
  });

  describe("of a contact that is not in the roster", () => {
    const stranger: RosterEntry = { ...entryIn("None + Pending In"), name: "", groups: [], listed: false };

    it("lists one that the account asks or approves before", () => {
      for (const type of ["subscribe", "subscribed"] as const) {
        const { entry, push } = outbound(type, undefined, contact);
        assert.equal(entry?.listed, true);
        assert.equal(push, true);
      }
    });

    it("keeps nothing of an account that sends unsubscribe or unsubscribed", () => {
      assert.deepEqual(outbound("unsubscribe", undefined, contact), {
        entry: undefined,
        route: true,
        push: false,
        showing: undefined,
      });
      assert.equal(outbound("unsubscribed", undefined, contact).route, false);
      assert.equal(outbound("unsubscribed", undefined, contact).entry, undefined);
    });

    it("keeps a request without listing who asks", () => {
      const { entry, push, deliver } = inbound("subscribe", undefined, contact, NEW_REQUEST);
      assert.deepEqual(entry, { ...stranger, request: NEW_REQUEST });
      assert.deepEqual([push, deliver], [false, true]);
    });

    it("keeps the first of several requests", () => {
      assert.equal(inbound("subscribe", stranger, contact, NEW_REQUEST).entry?.request, OLD_REQUEST);
    });

    it("lists who is granted a request", () => {
      const { entry, push } = outbound("subscribed", stranger, contact);
      assert.deepEqual(entry, { ...entryIn("From"), name: "", groups: [] });
      assert.equal(push, true);
    });

    it("lists whom the account asks back, and still owes the answer", () => {
      const { entry } = outbound("subscribe", stranger, contact);
      assert.deepEqual(entry, { ...entryIn("None + Pending Out+In"), name: "", groups: [] });
    });

    it("forgets a request that is denied or taken back, of which no roster shows anything", () => {
      for (const outcome of [
        outbound("unsubscribed", stranger, contact),
        inbound("unsubscribe", stranger, contact, NEW_REQUEST),
      ]) {
        assert.equal(outcome.entry, undefined);
        assert.equal(outcome.push, false);
      }
    });

    it("ignores answers that nobody asked for", () => {
      for (const type of ["subscribed", "unsubscribed", "unsubscribe"] as const) {
        const { entry, deliver, reply } = inbound(type, undefined, contact, NEW_REQUEST);
        assert.deepEqual([entry, deliver, reply], [undefined, false, undefined]);
      }
    });
  });

  it("names the four subscriptions by their two directions", () => {
    assert.deepEqual(
      [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ].map(([to, from]) => subscriptionOf(to, from)),
      ["none", "to", "from", "both"],
    );
  });
});
