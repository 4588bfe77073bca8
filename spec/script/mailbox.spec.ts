import assert from "node:assert/strict";
import { StepError } from "../../src/script/failure.js";
import { Mailbox } from "../../src/script/mailbox.js";

describe("A script's mailbox", () => {
  it("keeps what came, in order", async () => {
    const box = new Mailbox();
    box.put({ kind: "footer" });
    box.put({ kind: "closed" });
    assert.equal((await box.peek(10)).kind, "footer");
    assert.equal((await box.take(10)).kind, "footer");
    assert.equal((await box.take(10)).kind, "closed");
    assert.equal(box.unread.length, 0);
  });

  it("waits for what has not come yet", async () => {
    const box = new Mailbox();
    const taken = box.take(5000);
    box.put({ kind: "closed" });
    assert.equal((await taken).kind, "closed");
  });

  it("does not wait for ever", async () => {
    await assert.rejects(new Mailbox().take(1), StepError);
  });
});
